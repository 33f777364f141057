"""Checks across settings, section by section."""

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from gateway.kinds import KINDS, LDAP, LOCAL
from gateway.settings.condition_checks import check_admins, check_providers
from gateway.settings.conditions import check_conditions
from gateway.settings.document import INVALID, Problem
from gateway.settings.draft import Draft
from gateway.settings.headers import fold_name
from gateway.settings.mcp import check_mcp
from gateway.settings.places import check_public_urls
from gateway.settings.policy_tests import check_policy_tests
from gateway.settings.route_checks import check_routes
from gateway.settings.scalars import quote, unknown_message
from gateway.settings.schema import EVERYTHING
from gateway.storage.stores import is_networked

_ACROSS = "conflicting-settings"


def check(draft: Draft) -> list[Problem]:
    """All problems across the settings of `draft`."""
    return [it if it.rule != INVALID else replace(it, rule=_ACROSS) for it in _all(draft)]


def _all(draft: Draft) -> list[Problem]:
    return [
        *_mode(draft),
        *check_public_urls(draft.public_url, draft.sections, has_links=draft.has_local_accounts),
        *_server(draft),
        *_forward_auth(draft),
        *_cookie(draft),
        *_store(draft),
        *_upstreams(draft),
        *_providers(draft),
        *_bearer(draft),
        *_tokens(draft),
        *check_routes(draft),
        *check_mcp(draft),
        *check_policy_tests(draft.tests, _route_names(draft), draft.provider_names),
        *check_conditions(
            draft.conditions,
            [it.settings for it in draft.routes or ()],
            draft.admins,
            draft.clients,
        ),
        *check_admins(draft),
        *check_providers(draft),
    ]


def _mode(draft: Draft) -> Iterator[Problem]:
    alone = [kind for kind in KINDS.values() if not kind.needs_provider]
    match draft.auth_mode:
        case "oidc-only" if not draft.providers and not any(map(draft.takes, alone)):
            sections = " or ".join(kind.section for kind in alone)
            message = (
                f"oidc-only needs a provider, or {sections} for machines only; "
                "write standalone for local accounts"
            )
            yield Problem(("auth_mode",), message)
        case "hybrid" if not draft.providers:
            message = "hybrid needs a provider: configure one, or write standalone"
            yield Problem(("auth_mode",), message)
        case "standalone" if draft.providers:
            message = "standalone uses no providers: remove them, or write hybrid"
            yield Problem(("auth_mode",), message)
    # In every mode: identities of local accounts may be there from before.
    if LOCAL in draft.providers:
        message = f"{quote(LOCAL)} is the name of the gateway's own accounts: choose another"
        yield Problem(("providers", LOCAL), message)
    if LDAP in draft.providers:
        message = f"{quote(LDAP)} is the name of the directory of ldap: choose another"
        yield Problem(("providers", LDAP), message)
    if LDAP in draft.sections and draft.auth_mode == "oidc-only":
        message = "has no form to sign in with: write auth_mode: hybrid, or standalone"
        yield Problem((LDAP,), message)


def _server(draft: Draft) -> Iterator[Problem]:
    if draft.server is None:
        return
    seen = set()
    for index, address in enumerate(draft.server.listen):
        if str(address) in seen:
            yield Problem(("server", "listen", index), f"{quote(str(address))} is listed twice")
        seen.add(str(address))
    if draft.store == "memory" and draft.server.workers != 1:
        message = "store: memory cannot be shared: set workers to 1 or use another store"
        yield Problem(("server", "workers"), message)
    if str(draft.server.admin_listen) in seen:
        message = f"{draft.server.admin_listen} is also in server.listen: use another port"
        yield Problem(("server", "admin_listen"), message)
    if draft.server.proxy_protocol == "v2" and not draft.server.trusted_proxies:
        message = "v2 refuses everybody: add the load balancer's address to server.trusted_proxies"
        yield Problem(("server", "proxy_protocol"), message)


def _forward_auth(draft: Draft) -> Iterator[Problem]:
    if "compatibility" in draft.sections and draft.dialect in ("", "envoy"):
        message = "needs forward_auth: {dialect: nginx}, or traefik or caddy"
        yield Problem(("compatibility",), message)
    if "forward_auth" not in draft.sections or draft.server is None:
        return
    if not draft.server.trusted_proxies:
        message = "no proxy can ask: add the proxy's address to server.trusted_proxies"
        yield Problem(("forward_auth",), message)


def _cookie(draft: Draft) -> Iterator[Problem]:
    if draft.sessions is None:
        return
    cookie, path = draft.sessions.cookie, ("sessions", "cookie")
    for origin in draft.public_url:
        host = urlsplit(origin).hostname or ""
        if cookie.domain and host != cookie.domain and not host.endswith(f".{cookie.domain}"):
            yield Problem(
                (*path, "domain"), f"public_url {origin} is not under {quote(cookie.domain)}"
            )
        # Browsers require Secure for SameSite=None (RFC 6265bis, section 5.7).
        if cookie.same_site == "none" and origin.startswith("http:"):
            yield Problem((*path, "same_site"), f"none needs https, and public_url has {origin}")
        elif cookie.partitioned and origin.startswith("http:"):
            yield Problem((*path, "partitioned"), f"needs https, and public_url has {origin}")


def _store(draft: Draft) -> Iterator[Problem]:
    if draft.store is not None and is_networked(draft.store) and not draft.has_secret:
        # A secret generated in data_dir would differ between machines.
        message = (
            'a shared store needs "secret", the same on every machine (openssl rand -base64 32)'
        )
        yield Problem(("store",), message)


def _upstreams(draft: Draft) -> Iterator[Problem]:
    for name, upstream in draft.upstreams.items():
        if upstream is None:
            continue
        identity = upstream.identity
        own = (
            {} if isinstance(identity.headers, str) else dict.fromkeys(identity.headers, "headers")
        )
        if identity.assertion is not None:
            own[identity.assertion.header] = "assertion"
        taken = {fold_name(field): where for field, where in own.items()}
        for field in upstream.request_headers.set:
            where = taken.get(fold_name(field))
            if where is not None:
                yield Problem(
                    ("upstreams", name, "request_headers", "set", field),
                    f"{field} is set by identity.{where} too",
                )


def _bearer(draft: Draft) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for index, it in enumerate(draft.bearer):
        if it is None:
            continue
        if it.issuer in seen:
            message = f"{quote(it.issuer)} is already bearer[{seen[it.issuer]}]"
            yield Problem(("bearer", index, "issuer"), message)
        seen.setdefault(it.issuer, index)


def _tokens(draft: Draft) -> Iterator[Problem]:
    signs_in = draft.takes(KINDS["session"])
    if draft.tokens is not None and not signs_in:
        message = "needs a provider or local accounts, where people sign in for a client"
        if draft.tokens.registration == "open":
            yield Problem(("tokens", "registration"), message)
        if draft.tokens.document_hosts:
            yield Problem(("tokens", "metadata_documents"), message)
        if draft.tokens.command_line:
            yield Problem(("tokens", "command_line"), message)
    for name, client in () if draft.tokens is None else draft.tokens.clients.items():
        if client.provider is None:
            if not signs_in:
                message = "needs a provider or local accounts, where its users sign in"
                yield Problem(("tokens", "clients", name), message)
            continue
        if client.provider not in draft.providers:
            message = unknown_message("provider", client.provider, draft.providers)
            yield Problem(("tokens", "clients", name, "provider"), message)
            continue
        provider = draft.providers[client.provider]
        if provider is not None and provider.type == "oauth2":
            # Nothing tells for whom such a provider issued a token (RFC 9700, section 4.4).
            message = f"{quote(client.provider)} has no ID tokens: apps cannot use type: oauth2"
            yield Problem(("tokens", "clients", name, "provider"), message)


def _providers(draft: Draft) -> Iterator[Problem]:
    """Users are known by issuer and subject, so each issuer must be one service."""
    seen: dict[str, tuple[str, tuple[str | None, ...]]] = {}
    for name, it in draft.providers.items():
        if it is None:
            continue
        # One service, and the same id of each user there.
        service = (it.type, it.profile, it.userinfo_endpoint, it.claims.subject)
        other, known = seen.setdefault(it.issuer.rstrip("/"), (name, service))
        if service != known and "oauth2" in (it.type, known[0]):
            message = f"is that of provider {quote(other)} too: their users would be the same"
            yield Problem(("providers", name, "issuer"), message)


def _route_names(draft: Draft) -> list[str]:
    routes = draft.routes if draft.routes is not None else [EVERYTHING]
    return [route.name for route in routes if route.name is not None]
