"""The schema of the whole configuration: `Settings` and its parts.

Attributes have the names in the file.  Durations are seconds, sizes are bytes, lists are tuples,
and secrets are the secrets themselves.  Nothing here reads files, the environment or the clock.
"""

import re
from collections.abc import Mapping, Sized
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from gateway.settings.access import (
    Access,
    AccessRules,
    ConditionName,
    Conditions,
    ConditionSettings,
    Credential,
)
from gateway.settings.accounts import (
    AccountSettings,
    HookSettings,
    HttpHookSettings,
    SqlHookSettings,
)
from gateway.settings.addresses import PublicUrl
from gateway.settings.api_keys import ApiKeySettings, StaticKeySettings
from gateway.settings.bearer import BearerSettings, IntrospectionSettings
from gateway.settings.claims import ClaimSettings, ProviderClaimSettings
from gateway.settings.cors import CorsSettings
from gateway.settings.filled_in import AuthMode, filled_in
from gateway.settings.forward_auth import ForwardAuthSettings
from gateway.settings.headers import (
    BasicSettings,
    HeaderValueSettings,
    RequestHeaderSettings,
    ResponseHeaderSettings,
)
from gateway.settings.hours import HoursSettings
from gateway.settings.identity import AssertionSettings, IdentitySettings
from gateway.settings.launch import LaunchSettings
from gateway.settings.ldap import LdapGroupSettings, LdapSettings
from gateway.settings.pages import PageSettings
from gateway.settings.policy_tests import ExpectedDecision, PolicyTest, TestedIdentity
from gateway.settings.provider_reach import ProviderTlsSettings
from gateway.settings.providers import ProviderSettings
from gateway.settings.record import AuditSettings, LogSettings, MetricsSettings, TracingSettings
from gateway.settings.routes import DeprecatedSettings, RateLimitSettings, RouteSettings
from gateway.settings.scalars import (
    Address,
    FileName,
    OneOrMany,
    SecretText,
    Section,
    Text,
    quote,
    wrong,
)
from gateway.settings.server import LimitSettings, ServerSettings, ServerTlsSettings
from gateway.settings.sessions import CookieSettings, SessionSettings
from gateway.settings.smtp import SmtpSettings, SmtpTlsSettings
from gateway.settings.stores import parse_store
from gateway.settings.tested_message import TestedMessage
from gateway.settings.tokens import ClientSettings, TokenSettings
from gateway.settings.upstreams import TimeoutSettings, UpstreamSettings, UpstreamTlsSettings

__all__ = [
    "Access",
    "AccessRules",
    "AccountSettings",
    "Address",
    "ApiKeySettings",
    "AssertionSettings",
    "AuditSettings",
    "BasicSettings",
    "BearerSettings",
    "ClaimSettings",
    "ClientSettings",
    "ConditionSettings",
    "CookieSettings",
    "CorsSettings",
    "Credential",
    "DeprecatedSettings",
    "ExpectedDecision",
    "ForwardAuthSettings",
    "HeaderValueSettings",
    "HookSettings",
    "HoursSettings",
    "HttpHookSettings",
    "IdentitySettings",
    "IntrospectionSettings",
    "LaunchSettings",
    "LdapGroupSettings",
    "LdapSettings",
    "LimitSettings",
    "LogSettings",
    "MetricsSettings",
    "PageSettings",
    "PolicyTest",
    "ProviderClaimSettings",
    "ProviderSettings",
    "ProviderTlsSettings",
    "RateLimitSettings",
    "RequestHeaderSettings",
    "ResponseHeaderSettings",
    "RouteSettings",
    "ServerSettings",
    "ServerTlsSettings",
    "SessionSettings",
    "Settings",
    "SmtpSettings",
    "SmtpTlsSettings",
    "SqlHookSettings",
    "StaticKeySettings",
    "TestedIdentity",
    "TestedMessage",
    "TimeoutSettings",
    "TokenSettings",
    "TracingSettings",
    "UpstreamSettings",
    "UpstreamTlsSettings",
]
_SHORTEST_SECRET = 32  # Bytes: the size of the keys derived from it.


def _secret(text: str) -> str:
    if len(text.encode()) < _SHORTEST_SECRET:
        raise wrong("a secret must be at least 32 bytes long (try: openssl rand -base64 32)")
    return text


_Sized = TypeVar("_Sized", bound=Sized)


def _not_empty(entries: _Sized) -> _Sized:
    # pydantic's min_length counts only valid entries, and would report one mistake twice.
    if not len(entries):
        raise wrong("needs at least one entry")
    return entries


def _provider_name(text: str) -> str:
    if re.fullmatch(r"[a-z0-9-]+", text) is None:
        raise wrong(f"{quote(text)} is not a provider name (lower-case letters, digits, hyphens)")
    return text


EVERYTHING = RouteSettings(name="everything", prefix=("/",), access="signed_in")


class Settings(Section):
    """The configuration.

    Attributes:
        public_url: Without trailing slash; the first is the assertion's issuer.
        secret: Newest first; empty if it is to be generated in `data_dir`.
        routes: Never empty: without any in the file, all paths require a signed-in user.
    """

    auth_mode: AuthMode = Field(
        "oidc-only",
        description="How users sign in. oidc-only: with a provider. standalone: with a local user"
        " name and password. hybrid: either. Without providers, bearer and api_keys, the default is"
        " standalone.",
    )
    public_url: Annotated[tuple[PublicUrl, ...], OneOrMany()] = Field(
        description="The gateway's URL, as browsers see it; a list for several hosts;"
        " https://*.apps.example.com stands for one label. With a path"
        " (https://example.com/notes), everything of the gateway is below it, and nothing else is"
        " served."
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
        AccountSettings(), description="Accounts: who gets one, and which hooks tell an app."
    )
    ldap: LdapSettings | None = Field(
        None,
        description="A directory (OpenLDAP, lldap, Active Directory) whose people sign in with the"
        " local form.",
    )
    smtp: SmtpSettings | None = Field(
        None,
        description="Mail server for invitations and links to a new password. Without it, commands"
        " print the links.",
    )
    forward_auth: ForwardAuthSettings | None = Field(
        None,
        description="Lets a proxy ask Gatepost about each request. Without it, `/_gatepost/auth`"
        " is 404.",
    )
    compatibility: Literal["oauth2-proxy"] | None = Field(
        None,
        description="oauth2-proxy: answers `/oauth2/auth`, `start`, `sign_in`, `sign_out`,"
        " `callback` and `userinfo` too. Needs forward_auth.",
    )
    include: Annotated[tuple[Text, ...], OneOrMany()] = Field(
        (),
        description="Files beside this one with more routes, conditions and tests, or folders of"
        " such files.",
    )
    conditions: Mapping[ConditionName, Conditions] = Field(
        {}, description="Named conditions, for allow and deny: one item or a list; any is enough."
    )
    admins: Conditions = Field(
        (),
        description="Administrators, who may use the desk at /_gatepost/admin: conditions as in"
        " allow; default: the accounts made administrators here, where there are local accounts,"
        " else no one.",
    )
    routes: Annotated[tuple[RouteSettings, ...], AfterValidator(_not_empty)] = Field(
        (EVERYTHING,), description="The first matching route applies to a request."
    )
    tests: tuple[PolicyTest, ...] = Field(
        (), description="Requests and what must happen to them; run by `gatepost check` only."
    )
    pages: PageSettings = Field(
        PageSettings(), description="Name, logo, colour and languages of the gateway's own pages."
    )
    country_file: FileName | None = Field(
        None,
        description="Database of countries by address, an mmdb file such as GeoLite2-Country; for"
        " the condition country.",
    )
    audit: AuditSettings = Field(
        AuditSettings(), description="Audit log, one JSON line for each decision."
    )
    log: LogSettings = Field(LogSettings(), description="Format and level of the log.")
    metrics: MetricsSettings = Field(MetricsSettings(), description="Prometheus metrics.")
    tracing: TracingSettings | None = Field(
        None, description="Spans for OpenTelemetry; without this section there are none."
    )

    # Of no file: `gatepost serve --shadow` names another one.
    _shadow: "Settings | None" = PrivateAttr(None)

    @property
    def shadow(self) -> "Settings | None":
        """Other settings, whose routes decide each request too, without effect."""
        return self._shadow

    def beside(self, shadow: "Settings") -> Self:
        """These settings, with `shadow` as the other ones."""
        both = self.model_copy()
        both._shadow = shadow  # noqa: SLF001 - of its own class
        return both

    @property
    def enforced_routes(self) -> tuple[RouteSettings, ...]:
        """The routes that decide: those without ``enforce: false``."""
        return tuple(route for route in self.routes if route.enforce)

    @property
    def is_authorization_server(self) -> bool:
        """Whether people sign in here for clients that get tokens of the gateway."""
        if self.tokens is not None and self.tokens.signs_in_for_clients:
            return True
        return any(route.mcp for route in self.enforced_routes)

    @property
    def has_local_accounts(self) -> bool:
        """Whether users may sign in with a local user name and password."""
        return self.auth_mode != "oidc-only"

    @property
    def ignoring_case(self) -> frozenset[str]:
        """Names of the upstreams whose apps read ``/Admin`` as ``/admin``."""
        return frozenset(name for name, it in self.upstreams.items() if it.path_case == "ignore")

    @model_validator(mode="after")
    def _fill_in(self) -> Self:
        """Set the mode, give routes the only upstream, and assertions their audience."""
        # Safe on a frozen model, because nobody has this instance yet.
        self.__dict__.update(filled_in(self))
        return self
