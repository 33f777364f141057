"""The whole configuration as values: `Settings` and what it is made of.

Attribute names are the names in the file; durations are seconds, sizes bytes, lists tuples,
secrets the secret itself.  Nothing here reads a file, the environment or the clock.
"""

import re
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.settings.access import Access, AccessRules, ConditionSettings, Credential
from gateway.settings.accounts import (
    AccountSettings,
    HookSettings,
    HttpHookSettings,
    SqlHookSettings,
)
from gateway.settings.addresses import HostName, Listen, NetworkText, Origin, parse_listen
from gateway.settings.api_keys import ApiKeySettings, StaticKeySettings
from gateway.settings.bearer import BearerSettings, IntrospectionSettings
from gateway.settings.providers import ClaimSettings, ProviderSettings
from gateway.settings.routes import DeprecatedSettings, RateLimitSettings, RouteSettings
from gateway.settings.scalars import (
    TOKEN,
    Address,
    Count,
    Duration,
    FileName,
    Flag,
    OneOrMany,
    SecretText,
    Section,
    Size,
    Text,
    parse_count,
    quote,
    wrong,
)
from gateway.settings.stores import parse_store
from gateway.settings.tokens import ClientSettings, TokenSettings
from gateway.settings.upstreams import (
    AssertionSettings,
    HeaderValueSettings,
    IdentitySettings,
    RequestHeaderSettings,
    ResponseHeaderSettings,
    TimeoutSettings,
    UpstreamSettings,
    UpstreamTlsSettings,
)

__all__ = [
    "Access",
    "AccessRules",
    "AccountSettings",
    "Address",
    "ApiKeySettings",
    "AssertionSettings",
    "AuditSettings",
    "BearerSettings",
    "ClaimSettings",
    "ClientSettings",
    "ConditionSettings",
    "CookieSettings",
    "Credential",
    "DeprecatedSettings",
    "HeaderValueSettings",
    "HookSettings",
    "HttpHookSettings",
    "IdentitySettings",
    "IntrospectionSettings",
    "LimitSettings",
    "MetricsSettings",
    "ProviderSettings",
    "RateLimitSettings",
    "RequestHeaderSettings",
    "ResponseHeaderSettings",
    "RouteSettings",
    "ServerSettings",
    "ServerTlsSettings",
    "SessionSettings",
    "Settings",
    "SqlHookSettings",
    "StaticKeySettings",
    "TimeoutSettings",
    "TokenSettings",
    "UpstreamSettings",
    "UpstreamTlsSettings",
]

_SHORTEST_SECRET = 32  # Bytes: as many as the keys derived from it.
_MOST_WORKERS = 512
_LATER_MODES = ("standalone", "hybrid")


def _mode(value: object) -> object:
    if value in _LATER_MODES:
        raise wrong(f"{value} is not available in this version: write oidc-only")
    return value


def _secret(text: str) -> str:
    if len(text.encode()) < _SHORTEST_SECRET:
        raise wrong("a secret must be at least 32 bytes long (try: openssl rand -base64 32)")
    return text


def _workers(value: object) -> int | str:
    if value == "auto":
        return "auto"
    try:
        workers = parse_count(value)
    except ValueError:
        workers = 0
    if not 1 <= workers <= _MOST_WORKERS:
        raise wrong(f"{quote(str(value))} must be auto or a number from 1 to 512")
    return workers


def _cookie_name(text: str) -> str:
    if TOKEN.fullmatch(text) is None:
        raise wrong(f"{quote(text)} is not a cookie name")
    if re.match(r"__(host|secure)-", text, re.IGNORECASE):  # noqa: TID251 - a prefix is asked for
        raise wrong("must not begin with __Host- or __Secure-: the gateway adds the prefix")
    return text


def _cookie_domain(text: str) -> str:
    domain = text.lower().removeprefix(".")
    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) is None:
        raise wrong(f"{quote(text)} is not a cookie domain")
    return domain


_Sized = TypeVar("_Sized", bound=Sized)


def _not_empty(entries: _Sized) -> _Sized:
    # pydantic's own min_length counts valid entries only: a second line about one mistake.
    if not len(entries):
        raise wrong("needs at least one entry")
    return entries


def _provider_name(text: str) -> str:
    if re.fullmatch(r"[a-z0-9-]+", text) is None:
        raise wrong(f"{quote(text)} is not a provider name (lower-case letters, digits, hyphens)")
    return text


def _tls_version(value: object) -> object:
    # YAML reads 1.2 without quotes as a number.
    return str(value) if isinstance(value, float) else value


class ServerTlsSettings(Section):
    """Certificate and key the gateway shows to clients, PEM, and what it speaks."""

    cert_file: FileName = Field(description="Certificate chain, PEM.")
    key_file: FileName = Field(description="Private key, PEM.")
    min_version: Annotated[Literal["1.2", "1.3"], BeforeValidator(_tls_version)] = Field(
        "1.2", description="Oldest accepted version of TLS: 1.2 or 1.3."
    )


class LimitSettings(Section):
    """What one client may take; 0 is no limit."""

    head_bytes: Size = Field(
        32 * 1024, description="Maximum size of request line and fields together."
    )
    fields: Count = Field(
        500,
        description="Maximum fields of a request (else 431) and of an app's answer (else 502).",
    )
    body_bytes: Size = Field(0, description="Maximum size of a request body; 0 is no limit.")
    header_timeout: Duration = Field(10.0, description="Time for the whole head to arrive.")
    keepalive_timeout: Duration = Field(
        75.0, description="Maximum time between two requests on a connection."
    )
    connections: Count = Field(10000, description="Maximum client connections per worker.")


class ServerSettings(Section):
    """Where the gateway listens, and what it takes from clients.

    Attributes:
        workers: Processes; `auto` is one a core.
        drain_timeout: Seconds that requests may still take after SIGTERM.
    """

    listen: Annotated[tuple[Listen, ...], OneOrMany()] = Field(
        (parse_listen("0.0.0.0:8080"),),
        description="host:port or unix:/path (?mode=0660); one or a list.",
    )
    admin_listen: Listen = Field(
        parse_listen("127.0.0.1:9090"),
        description="Address for /metrics, /healthz and /readyz only.",
    )
    admin_hosts: Annotated[tuple[HostName, ...], OneOrMany(empty=True)] = Field(
        (),
        description="Names that the admin listener answers to, besides addresses and localhost.",
    )
    workers: Annotated[int | Literal["auto"], BeforeValidator(_workers)] = Field(
        1, description="Number of processes; auto is one for each core."
    )
    tls: ServerTlsSettings | None = Field(None, description="Terminates TLS in the gateway.")
    trusted_proxies: Annotated[tuple[NetworkText, ...], OneOrMany(empty=True)] = Field(
        (), description="Networks whose X-Forwarded-* and Forwarded are trusted."
    )
    limits: LimitSettings = Field(LimitSettings(), description="Limits for clients.")
    drain_timeout: Duration = Field(
        30.0, description="Time for requests in progress after SIGTERM."
    )


class CookieSettings(Section):
    """The session cookie.

    Attributes:
        name: Without prefix: `__Host-` is added on https where there is no domain.
        domain: Lower case, no leading dot.
    """

    name: Annotated[Text, AfterValidator(_cookie_name)] = Field(
        "gatepost", description="Name; __Host- is added on https without a domain."
    )
    domain: Annotated[Text, AfterValidator(_cookie_domain)] | None = Field(
        None, description="Shares the session among the hosts under this domain."
    )
    same_site: Literal["lax", "strict", "none"] = Field(
        "lax", description="SameSite; default with partitioned: none."
    )
    partitioned: Flag = Field(
        False, description="For apps in frames: separate sessions for each surrounding site."
    )

    @property
    def same_site_sent(self) -> str:
        """What browsers are told: ``lax`` and ``strict`` cookies do not go with frames."""
        is_given = "same_site" in self.model_fields_set
        return "none" if self.partitioned and not is_given else self.same_site


class SessionSettings(Section):
    """How long a signed-in browser stays signed in, and how many may be; seconds."""

    idle_timeout: Duration = Field(
        8 * 3600.0, description="Ends a session after this time without a request."
    )
    absolute_timeout: Duration = Field(
        7 * 86400.0, description="Ends a session this long after the sign-in."
    )
    store_grace: Duration = Field(
        60.0,
        description="How long known sessions, API keys and tokens continue while the store is down;"
        " then 503. 0s: not at all.",
    )
    max_per_user: Count = Field(
        0, description="Maximum sessions of one user; a new one ends the oldest. 0 is no limit."
    )
    cookie: CookieSettings = Field(CookieSettings(), description="The session cookie.")

    @model_validator(mode="after")
    def _idle_comes_first(self) -> Self:
        if self.idle_timeout <= 0:
            raise wrong("idle_timeout must be more than 0")
        if self.idle_timeout > self.absolute_timeout:
            raise wrong("idle_timeout must not be longer than absolute_timeout")
        return self


class AuditSettings(Section):
    """Where decisions are written, one JSON line each."""

    file: Text = Field("stderr", description="stderr, stdout or a file path.")


class MetricsSettings(Section):
    """Prometheus metrics on `admin_listen`."""

    enabled: Flag = Field(True, description="Serves /metrics.")


EVERYTHING = RouteSettings(name="everything", prefix=("/",), access="signed_in")


class Settings(Section):
    """The configuration.

    Attributes:
        public_url: Origins without trailing slash; the first is the assertion's issuer.
        secret: Newest first; empty where one is to be made in `data_dir`.
        routes: Never empty: without any in the file every path needs a signed-in user.
    """

    auth_mode: Annotated[Literal["oidc-only"], BeforeValidator(_mode)] = Field(
        "oidc-only", description="oidc-only: users sign in with a provider."
    )
    public_url: Annotated[tuple[Origin, ...], OneOrMany()] = Field(
        description="The gateway's URL, as browsers see it; a list for several hosts."
    )
    secret: Annotated[tuple[Annotated[SecretText, AfterValidator(_secret)], ...], OneOrMany()] = (
        Field((), repr=False, description="At least 32 bytes; a list, newest first, to rotate.")
    )
    secret_file: Annotated[tuple[FileName, ...], OneOrMany()] = Field(
        (), description="File with the secret; a list, newest first, to rotate."
    )
    data_dir: FileName = Field(
        Path("data"), description="Directory for data that survives a restart."
    )
    store: Annotated[str, BeforeValidator(parse_store)] = Field(
        "sqlite",
        repr=False,
        description="Where data is stored: sqlite, memory, or the URL of a shared store.",
    )
    server: ServerSettings = Field(ServerSettings(), description="Listeners and limits.")
    upstreams: Annotated[Mapping[Text, UpstreamSettings], AfterValidator(_not_empty)] = Field(
        description="The apps behind the gateway: a URL or a mapping for each name."
    )
    providers: Mapping[Annotated[str, AfterValidator(_provider_name)], ProviderSettings] = Field(
        {}, description="The OpenID providers users sign in with."
    )
    sessions: SessionSettings = Field(SessionSettings(), description="Browser sessions.")
    bearer: tuple[BearerSettings, ...] = Field(
        (), description="Issuers whose access tokens are accepted."
    )
    api_keys: ApiKeySettings | None = Field(
        None, description="API keys; without this section none are accepted."
    )
    tokens: TokenSettings | None = Field(
        None, description="The gateway's own tokens for apps; without this section there are none."
    )
    accounts: AccountSettings = Field(
        AccountSettings(), description="Who gets an account, and what else learns of it."
    )
    routes: Annotated[tuple[RouteSettings, ...], AfterValidator(_not_empty)] = Field(
        (EVERYTHING,), description="The first matching route applies to a request."
    )
    audit: AuditSettings = Field(
        AuditSettings(), description="Audit log, one JSON line for each decision."
    )
    metrics: MetricsSettings = Field(MetricsSettings(), description="Prometheus metrics.")

    @property
    def ignoring_case(self) -> frozenset[str]:
        """Names of the upstreams whose apps read ``/Admin`` as ``/admin``."""
        return frozenset(name for name, it in self.upstreams.items() if it.path_case == "ignore")

    @model_validator(mode="after")
    def _fill_in_names(self) -> Self:
        """Give routes the only upstream there is, and assertions their audience."""
        only = next(iter(self.upstreams)) if len(self.upstreams) == 1 else None
        routes = tuple(
            route.model_copy(update={"upstream": only})
            if route.upstream is None and route.forwards
            else route
            for route in self.routes
        )
        upstreams = {name: _with_audience(name, it) for name, it in self.upstreams.items()}
        # The instance is not handed out yet; afterwards nothing changes it.
        self.__dict__.update(routes=routes, upstreams=upstreams)
        return self


def _with_audience(name: str, upstream: UpstreamSettings) -> UpstreamSettings:
    assertion = upstream.identity.assertion
    if assertion is None or assertion.audience:
        return upstream
    named = assertion.model_copy(update={"audience": name})
    identity = upstream.identity.model_copy(update={"assertion": named})
    return upstream.model_copy(update={"identity": identity})
