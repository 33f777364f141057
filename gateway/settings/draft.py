"""The readable part of a configuration, for checks across settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from gateway.kinds import KINDS, LDAP, LOCAL, Kind
from gateway.settings.access import Entry
from gateway.settings.bearer import BearerSettings
from gateway.settings.filled_in import AuthMode
from gateway.settings.policy_tests import PolicyTest
from gateway.settings.providers import ProviderSettings
from gateway.settings.routes import RouteSettings
from gateway.settings.schema import ServerSettings, SessionSettings, Settings
from gateway.settings.tokens import ClientSettings, TokenSettings
from gateway.settings.upstreams import UpstreamSettings


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
    def clients(self) -> Mapping[str, ClientSettings]:
        """The apps that get tokens."""
        return {} if self.tokens is None else self.tokens.clients

    @property
    def provider_names(self) -> list[str]:
        """The providers that an identity can come from."""
        local = [LOCAL] if self.has_local_accounts else []
        return [*self.providers, *local, *([LDAP] if LDAP in self.sections else [])]

    @property
    def has_mcp(self) -> bool:
        """Whether an enforced route is an MCP server, whose clients get tokens here."""
        settings = (it.settings for it in self.routes or ())
        return any(it is not None and it.mcp and it.enforce for it in settings)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of credential that may prove an identity."""
        return frozenset(word for word, kind in KINDS.items() if self.takes(kind))

    def takes(self, kind: Kind) -> bool:
        """Whether the settings for credentials of `kind` are given; an empty list is not."""
        if kind.is_ambient and self.has_local_accounts:
            return True
        if kind.word == "token" and self.has_mcp:
            return True
        lists = {"providers": self.providers, "bearer": self.bearer}
        return bool(lists.get(kind.section, kind.section in self.sections))
