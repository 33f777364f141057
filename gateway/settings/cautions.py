"""Risky but valid settings, which `gatepost check` warns about."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.message.public_url import base_of
from gateway.message.star import star_of
from gateway.settings.accounts import has_password, may_be_read_on_the_way
from gateway.settings.addresses import is_loopback
from gateway.settings.conditions import unused
from gateway.settings.contradictions import contradictions
from gateway.settings.costly_regex import repeats_repeats
from gateway.settings.coverage import deciding, uncovered
from gateway.settings.document import Document, Path, Problem
from gateway.settings.foreign_cautions import foreign_cautions
from gateway.settings.message_cautions import message_cautions
from gateway.settings.name_sources import any_provider, name_cautions
from gateway.settings.other_proxies import other_proxies_forms
from gateway.settings.places import host_of
from gateway.settings.providers import ProviderSettings
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote
from gateway.settings.schema import Settings


def cautions(settings: Settings, document: Document) -> list[Problem]:
    """All warnings for `settings`; `document` knows where each value was written."""
    return [
        *_public_url(settings),
        *_secrets(settings, document),
        *_server(settings),
        *_upstreams(settings),
        *_providers(settings),
        *_bearer(settings),
        *_api_keys(settings),
        *_tokens(settings),
        *_hooks(settings),
        *_smtp(settings),
        *_ldap(settings),
        *_routes(settings),
        *unused(
            settings.conditions,
            settings.routes,
            settings.admins,
            {} if settings.tokens is None else settings.tokens.clients,
        ),
        *_oauth2_proxy(settings),
        *name_cautions(settings),
        *message_cautions(settings),
        *contradictions(settings, document),
        *_uncovered(settings),
        *other_proxies_forms(settings),
    ]


def _can_be_read(url: str) -> bool:
    """Whether what is sent to `url` leaves this machine without TLS."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _public_url(settings: Settings) -> Iterator[Problem]:
    for index, origin in enumerate(settings.public_url):
        if _can_be_read(origin):
            message = f"{origin} is not https: cookies and tokens can be read in transit"
            yield Problem(("public_url", index), message, rule="insecure-transport")
        if origin.startswith("http:") and settings.server.tls is not None:
            message = f"{origin} is not https, and server.tls serves https only: write https://"
            yield Problem(("public_url", index), message, rule="insecure-transport")
        if "://*." in origin and (base_of(origin) or settings.sessions.cookie.domain):
            # Without `__Host-` (see `cookie_name`), a script of one host can sign visitors of
            # another in as an account of its own.
            reason = "below a path" if base_of(origin) else "with sessions.cookie.domain"
            message = f"hosts of {origin} can set each other's session cookie {reason}"
            yield Problem(("public_url", index), message, rule="sibling-hosts")


def _secrets(settings: Settings, document: Document) -> Iterator[Problem]:
    paths: list[Path] = [("secret",)]
    paths += [
        ("providers", name, secret)
        for name in settings.providers
        for secret in ("client_secret", "client_key")
    ]
    paths += [
        ("bearer", index, "introspection", secret)
        for index in range(len(settings.bearer))
        for secret in ("client_secret", "client_key")
    ]
    paths += [("smtp", "password"), ("ldap", "bind_password")]
    for index, hook in enumerate(settings.accounts.hooks):
        at: Path = ("accounts", "hooks", index)
        paths.append((*at, "http", "secret"))
        if hook.sql is not None and has_password(hook.sql.dsn or ""):
            paths.append((*at, "sql", "dsn"))
    for path in paths:
        mark = document.marks.get(path)
        if mark is not None and not mark.variable and path not in document.filled:
            yield Problem(
                path,
                f"the secret is in the file itself: prefer {path[-1]}_file",
                rule="secret-exposed",
            )


def _server(settings: Settings) -> Iterator[Problem]:
    for index, network in enumerate(settings.server.trusted_proxies):
        if network.prefixlen == 0:
            message = f"{network} trusts every client to set its own address"
            yield Problem(("server", "trusted_proxies", index), message, rule="trusts-everyone")
    admin = settings.server.admin_listen
    if admin.host and not is_loopback(admin.host):
        message = f"{admin} is reachable from other machines and requires no credential"
        yield Problem(("server", "admin_listen"), message, rule="admin-exposed")


def _upstreams(settings: Settings) -> Iterator[Problem]:
    for name, upstream in settings.upstreams.items():
        path: Path = ("upstreams", name)
        if upstream.tls.insecure_skip_verify:
            message = "any certificate is accepted, so connections can be intercepted"
            yield Problem(
                (*path, "tls", "insecure_skip_verify"), message, rule="unverified-certificate"
            )
        if upstream.request_fields_kept and not settings.server.trusted_proxies:
            message = "clients can send these fields themselves, because trusted_proxies is empty"
            yield Problem((*path, "request_fields_kept"), message, rule="forgeable-fields")
        if upstream.cookies == "shared":
            message = (
                "the app's cookies outlive the sign-in, so the next user may be taken for the last"
            )
            yield Problem((*path, "cookies"), message, rule="shared-app-cookies")


def _providers(settings: Settings) -> Iterator[Problem]:
    for name, provider in settings.providers.items():
        path: Path = ("providers", name)
        if provider.email_verified == "assume":
            message = "unverified e-mail addresses are accepted as the user's own"
            yield Problem((*path, "email_verified"), message, rule="unverified-email")
        if _may_lack_secret(provider):
            message = "has no client_secret_file, so it must be a public client at the provider:"
            yield Problem(
                path, f"{message} if it is, write client_auth: none", rule="no-client-secret"
            )
        if _can_be_read(provider.issuer):
            message = f"{quote(provider.issuer)} is not https: sign-ins can be forged"
            yield Problem((*path, "issuer"), message, rule="insecure-transport")
        internal_url = provider.internal_url or ""
        if may_be_read_on_the_way(internal_url):
            message = f"{quote(internal_url)} is not https, and not on a private network"
            yield Problem(
                (*path, "internal_url"),
                f"{message}: sign-ins can be forged",
                rule="insecure-transport",
            )


def _may_lack_secret(provider: ProviderSettings) -> bool:
    given = (
        provider.client_secret,
        provider.client_key,
        provider.client_assertion_file,
        provider.client_auth,
    )
    return all(it is None for it in given)


def _api_keys(settings: Settings) -> Iterator[Problem]:
    if settings.api_keys is None:
        return
    for index, key in enumerate(settings.api_keys.static):
        if key.expires is None:
            message = f"the key {quote(key.name)} never expires: set expires"
            yield Problem(("api_keys", "static", index), message, rule="key-never-expires")


def _tokens(settings: Settings) -> Iterator[Problem]:
    if settings.tokens is not None and settings.tokens.insecure_metadata_addresses:
        message = "whoever signs in can have the gateway call hosts of your network: only for tests"
        yield Problem(("tokens", "insecure_metadata_addresses"), message, rule="private-addresses")
    for name, client in () if settings.tokens is None else settings.tokens.clients.items():
        for index, uri in enumerate(client.redirect_uris):
            scheme = uri.partition(":")[0]
            if scheme not in ("http", "https") and "." not in scheme:
                # RFC 8252, section 7.1: the app's own domain, reversed.
                message = f"any app may claim {scheme}: too; better com.example.app:, or https"
                yield Problem(
                    ("tokens", "clients", name, "redirect_uris", index),
                    message,
                    rule="claimable-redirect",
                )


def _hooks(settings: Settings) -> Iterator[Problem]:
    for index, hook in enumerate(settings.accounts.hooks):
        if hook.http is not None and may_be_read_on_the_way(hook.http.url):
            message = f"{quote(hook.http.url)} is not https: personal data can be read in transit"
            yield Problem(
                ("accounts", "hooks", index, "http", "url"), message, rule="insecure-transport"
            )


def _smtp(settings: Settings) -> Iterator[Problem]:
    if settings.smtp is None:
        return
    if not settings.has_local_accounts and not settings.smtp.notify:
        yield Problem(
            ("smtp",), "has no effect: auth_mode oidc-only has no local accounts", rule="no-effect"
        )
    if settings.smtp.insecure_plaintext:
        message = "mails with links to a new password can be read in transit"
        yield Problem(("smtp", "insecure_plaintext"), message, rule="insecure-transport")


def _ldap(settings: Settings) -> Iterator[Problem]:
    ldap = settings.ldap
    if ldap is not None and ldap.insecure_plaintext:
        message = "passwords of people can be read in transit"
        yield Problem(("ldap", "insecure_plaintext"), message, rule="insecure-transport")


def _bearer(settings: Settings) -> Iterator[Problem]:
    for index, bearer in enumerate(settings.bearer):
        path: Path = ("bearer", index)
        if bearer.email_verified == "assume":
            message = "unverified e-mail addresses are accepted as the user's own"
            yield Problem((*path, "email_verified"), message, rule="unverified-email")
        if _can_be_read(bearer.issuer):
            message = f"{quote(bearer.issuer)} is not https: tokens can be forged"
            yield Problem((*path, "issuer"), message, rule="insecure-transport")


def _routes(settings: Settings) -> Iterator[Problem]:
    for index, route in enumerate(settings.routes):
        path: Path = ("routes", index)
        if route.access == "public" and "/" in route.prefix and not route.methods and route.enforce:
            message = f"route {quote(route.name)} opens every remaining path to everyone"
            yield Problem((*path, "access"), message, rule="open-to-everyone")
        yield from any_provider(settings, route, (*path, "access", "allow"))
        yield from foreign_cautions(settings, route, (*path, "foreign_credentials"))
        if route.regex is not None and repeats_repeats(route.regex):
            message = "a client can make this take for ever: do not repeat a repeat, as in (a+)+"
            yield Problem((*path, "regex"), message, rule="costly-regex")
        prefix = _plain_prefix(route)
        if prefix is not None:
            yield Problem(
                (*path, "regex"),
                f"says the same as prefix: {prefix}, but slower",
                rule="slow-regex",
            )


def _uncovered(settings: Settings) -> Iterator[Problem]:
    hosts = {host_of(url): base_of(url) for url in settings.public_url}
    for host in (host for route in settings.enforced_routes for host in route.host):
        hosts.setdefault(host, hosts.get(star_of(host), ""))
    left = uncovered(settings.enforced_routes, hosts)
    is_everywhere = len(left) == len(hosts) and len(set(left.values())) == 1
    for host, what in list(left.items())[: 1 if is_everywhere else None]:
        where = "" if is_everywhere else f" on {host}"
        message = f"no route matches {what}{where}, so it gets 404 no-route"
        last = "{name: everything, prefix: /, access: signed_in}"
        yield Problem(
            ("routes",),
            f"{message}: end with {last}, or with access: denied",
            rule="uncovered-paths",
        )


def _oauth2_proxy(settings: Settings) -> Iterator[Problem]:
    """Rules that a question without a page cannot be judged by."""
    asking = settings.forward_auth
    if settings.compatibility is None or asking is None or asking.dialect != "nginx":
        return
    routes = settings.enforced_routes
    first = deciding(routes, "/oauth2/auth")
    others = [it.name for it in routes if it.asks_for_credentials and it is not first]
    others += [it.name for it in routes if it.access in ("denied", "gone")]
    if first is None or first.access in ("public", "sign_in", "denied", "gone"):
        message = "nobody passes at /oauth2/auth: the route that covers it lets in no identity"
        yield Problem(("compatibility",), message, rule="page-not-judged")
    elif others:
        message = (
            f"at /oauth2/auth, route {quote(first.name)} decides for every page, and not "
            f"{', '.join(map(quote, others))}: let nginx ask /_gatepost/auth instead"
        )
        yield Problem(("compatibility",), message, rule="page-not-judged")


def _plain_prefix(route: RouteSettings) -> str | None:
    """The prefix that is equivalent to the route's regular expression, or None."""
    found = re.fullmatch(r"((?:/[A-Za-z0-9_-]+)+)\(/\.\*\)\?", route.regex or "")
    return found[1] if found else None
