"""Checks across settings: references to names, and routes that hide one another."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlsplit

from gateway.kinds import AMBIENT, KINDS, LOCAL, Kind, sent_by
from gateway.settings.access import AccessRules, Entry, Named
from gateway.settings.bearer import BearerSettings
from gateway.settings.condition_checks import check_items
from gateway.settings.conditions import check_conditions
from gateway.settings.coverage import Taken
from gateway.settings.document import INVALID, Path, Problem
from gateway.settings.headers import fold_name
from gateway.settings.places import check_place, check_public_urls
from gateway.settings.policy_tests import PolicyTest, check_policy_tests
from gateway.settings.providers import ProviderSettings
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote, unknown_message
from gateway.settings.schema import (
    EVERYTHING,
    AuthMode,
    ServerSettings,
    SessionSettings,
    Settings,
)
from gateway.settings.tokens import TokenSettings
from gateway.settings.upstreams import UpstreamSettings
from gateway.storage.stores import is_networked

_ACROSS = "conflicting-settings"


@dataclass(frozen=True, slots=True)
class RouteDraft:
    """The readable part of a route; None for what is missing or could not be read.

    Attributes:
        where: Its path, for messages about other routes; see `Document.named`.
        shown: Its path and name.
        is_included: Whether an included file has it.
    """

    name: str | None
    upstream: str | None
    settings: RouteSettings | None
    where: str = ""
    shown: str = ""
    is_included: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """The readable part of a configuration; None for what could not be read.

    Attributes:
        public_url: Empty if it could not be read.
        has_secret: Whether a secret is given, valid or not.
        sections: The top-level settings that are given, valid or not.
        routes: None if the file has none.
        dialect: Of `forward_auth`; ``""`` if there is none.
    """

    public_url: tuple[str, ...]
    upstreams: Mapping[str, UpstreamSettings | None]
    providers: Mapping[str, ProviderSettings | None]
    server: ServerSettings | None
    sessions: SessionSettings | None
    store: str | None
    has_secret: bool
    sections: frozenset[str]
    routes: tuple[RouteDraft, ...] | None
    conditions: Mapping[str, Sequence[Entry] | None]
    admins: Sequence[Entry]
    bearer: tuple[BearerSettings | None, ...] = ()
    tokens: TokenSettings | None = None
    auth_mode: AuthMode | None = None
    dialect: str = ""
    tests: tuple[PolicyTest | None, ...] = ()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The draft of a configuration without errors."""
        given = "routes" in settings.model_fields_set
        return cls(
            public_url=settings.public_url,
            upstreams=settings.upstreams,
            providers=settings.providers,
            server=settings.server,
            sessions=settings.sessions,
            store=settings.store,
            has_secret=bool(settings.secret),
            sections=frozenset(
                name for name in settings.model_fields_set if getattr(settings, name) is not None
            ),
            routes=tuple(RouteDraft(it.name, it.upstream, it) for it in settings.routes)
            if given
            else None,
            bearer=settings.bearer,
            tokens=settings.tokens,
            auth_mode=settings.auth_mode,
            dialect="" if settings.forward_auth is None else settings.forward_auth.dialect,
            tests=settings.tests,
            conditions=settings.conditions,
            admins=settings.admins,
        )

    @property
    def has_local_accounts(self) -> bool:
        """Whether users may sign in with a local user name and password."""
        return self.auth_mode in ("standalone", "hybrid")

    @property
    def provider_names(self) -> list[str]:
        """The providers that an identity can come from."""
        return [*self.providers, *([LOCAL] if self.has_local_accounts else [])]

    def takes(self, kind: Kind) -> bool:
        """Whether the settings for credentials of `kind` are given; an empty list is not."""
        if kind.is_ambient and self.has_local_accounts:
            return True
        lists = {"providers": self.providers, "bearer": self.bearer}
        return bool(lists.get(kind.section, kind.section in self.sections))


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
        *_routes(draft),
        *_enforced(draft),
        *check_policy_tests(draft.tests, _route_names(draft), draft.provider_names),
        *check_conditions(
            draft.conditions, [it.settings for it in draft.routes or ()], draft.admins
        ),
        *_providers_of_rules(draft),
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
    for name, client in () if draft.tokens is None else draft.tokens.clients.items():
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


def _routes(draft: Draft) -> Iterator[Problem]:
    if draft.routes is None:
        if len(draft.upstreams) > 1:
            yield Problem((), "with several upstreams, add routes that select one")
        if "include" in draft.sections:
            # Without routes, every signed-in user gets everywhere, as soon as a folder is empty.
            message = "there are no routes, neither here nor in the included files: write one"
            yield Problem(("include",), message)
        return
    taken, all_taken = Taken(), Taken()
    names: dict[str, RouteDraft] = {}
    for index, route in enumerate(draft.routes):
        path: Path = ("routes", index)
        if route.name in names:
            message = f"{quote(route.name)} is already the name of {names[route.name].where}"
            yield Problem((*path, "name"), message)
        elif route.name is not None:
            names[route.name] = route
        yield from _route_upstream(draft, route, path)
        if route.settings is None:
            continue
        yield from check_place(route.settings, path, draft.public_url)
        yield from _route_credentials(draft, route.settings, path)
        yield from _route_challenges(draft, route.settings, path)
        yield from check_items(route.settings, path, draft.upstreams, draft.sections)
        # A route that is not enforced hides only others like it.
        hidden_by = (taken if route.settings.enforce else all_taken).hides(route.settings)
        if hidden_by:
            shown = ", ".join(names[it.name].shown for it in hidden_by)
            verb = "takes" if len(hidden_by) == 1 else "take"
            hint = f" (write before: {hidden_by[0].name})" if route.is_included else ""
            message = f"can never match: {shown} {verb} all its requests{hint}"
            yield Problem(path, message, rule="unreachable-route")
        all_taken.add(route.settings)
        if route.settings.enforce:
            taken.add(route.settings)


def _route_names(draft: Draft) -> list[str]:
    routes = draft.routes if draft.routes is not None else [EVERYTHING]
    return [route.name for route in routes if route.name is not None]


def _enforced(draft: Draft) -> Iterator[Problem]:
    routes = draft.routes or ()
    if routes and all(it.settings is not None and not it.settings.enforce for it in routes):
        yield Problem(("routes",), "no route is enforced, so none decides: add one that is")


def _route_upstream(draft: Draft, route: RouteDraft, path: Path) -> Iterator[Problem]:
    if not draft.upstreams:
        return  # Reported as missing.
    if route.upstream is not None:
        if route.upstream not in draft.upstreams:
            message = unknown_message("upstream", route.upstream, draft.upstreams)
            yield Problem((*path, "upstream"), message)
    elif route.settings is not None and route.settings.forwards and len(draft.upstreams) > 1:
        known = ", ".join(draft.upstreams)
        message = f"route {quote(route.settings.name)} needs an upstream (one of: {known})"
        yield Problem(path, message)


def _route_credentials(draft: Draft, route: RouteSettings, path: Path) -> Iterator[Problem]:
    if not draft.takes(KINDS["session"]):
        for name, said in (("access", route.access), ("unauthenticated", route.unauthenticated)):
            if said == "sign_in":
                yield Problem((*path, name), "sign_in needs a provider or local accounts")
    for number, word in enumerate(route.credentials):
        if not draft.takes(KINDS[word]):
            message = f"{word} is not accepted: there is no {KINDS[word].section} section"
            yield Problem((*path, "credentials", number), message)


def _route_challenges(draft: Draft, route: RouteSettings, path: Path) -> Iterator[Problem]:
    if route.passes_foreign:
        return  # The app may accept what the gateway does not.
    # A 401 must name a scheme, so the browser's is allowed even without a way to sign in.
    taken = {
        word for word in route.credentials or KINDS if word in AMBIENT or draft.takes(KINDS[word])
    }
    for number, scheme in enumerate(route.challenges):
        if taken.isdisjoint(sent_by(scheme)):
            message = (
                f"{scheme} is for {_listed(sent_by(scheme))}, which this route does not accept"
            )
            yield Problem((*path, "challenges", number), message)


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join(sorted(kinds))


def _providers_of_rules(draft: Draft) -> Iterator[Problem]:
    for name, entries in draft.conditions.items():
        yield from _rule_providers(draft, entries or (), ("conditions", name))
    yield from _rule_providers(draft, draft.admins, ("admins",))
    for index, route in enumerate(draft.routes or ()):
        if route.settings is not None and isinstance(route.settings.access, AccessRules):
            access, path = route.settings.access, ("routes", index, "access")
            yield from _rule_providers(draft, access.allow, (*path, "allow"))
            yield from _rule_providers(draft, access.deny, (*path, "deny"))


def _rule_providers(draft: Draft, entries: Sequence[Entry], path: Path) -> Iterator[Problem]:
    known = draft.provider_names
    for number, entry in enumerate(entries):
        if isinstance(entry, Named):
            continue  # Its items are checked where they are defined.
        for position, provider in enumerate(entry.provider or ()):
            if provider not in known:
                yield Problem(
                    (*path, number, "provider", position),
                    unknown_message("provider", provider, known),
                )
