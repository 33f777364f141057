"""The endpoints' dependencies: everything that has state or does I/O."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.accounts.access_requests import AccessRequests
from gateway.accounts.manager import Accounts
from gateway.authn import Outcome
from gateway.authn.session import MAX_VALUES
from gateway.authserver.server import AuthServer
from gateway.authz.access import Item
from gateway.authz.request_conditions import CountryOf
from gateway.credentials.apps import Apps
from gateway.credentials.keys import ApiKeys
from gateway.credentials.local import Local
from gateway.endpoints.app_cookies import AppCookies
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.launching import Launcher
from gateway.endpoints.token_clients import TokenClients
from gateway.endpoints.watch import Watch
from gateway.errors import GatewayError
from gateway.mail.outbox import Outbox
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.oidc.provider import Provider
from gateway.record.journal import Journal
from gateway.responses import SESSION_ONLY, Admission
from gateway.sessions.all_sessions import AllSessions
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import Session
from gateway.settings.api_keys import ApiKeySettings
from gateway.storage.store import Clock, Store

if TYPE_CHECKING:
    from gateway.ldap.directory import Directory  # With the library of an extra.

Handler = Callable[[Request, bytes], Awaitable[Response]]
FindRefusal = Callable[[str], Awaitable[Mapping[str, object] | None]]


class TooManySessionCookiesError(GatewayError):
    """Limits the store lookups that one request can cause, as in `SessionAuthenticator`."""

    reason = "repeated-credential"
    status = 400


def _ignore(_provider: str, _outcome: str) -> None:
    """Do not count sign-ins."""


@dataclass(frozen=True, slots=True)
class Deps:
    """The dependencies of the endpoints.

    Attributes:
        providers: By name in the configuration.
        sessions: Browser sessions.
        all_sessions: Sessions of browsers and apps, to list and end.
        store: For what may happen only once.
        journal: Who changed what.
        told_of_logouts: Names of the providers whose logout tokens are accepted.
        identify: Authenticates a request by any credential; None if only sessions count.
        admission: What `identify` accepts.
        key_set: Returns the public keys as a JSON document.
        app_cookies: The app's cookies; None if no app's cookies are isolated.
        accounts: The accounts; None if every identity stands for itself.
        keys: The API keys and their settings; None if keys are not accepted.
        apps: The apps that get tokens for their users at a provider; None if there are none.
        auth_server: Signs people in for clients; None if there are none.
        local: Local accounts; None if users sign in with providers only.
        directory: Where those without a local password sign in; None if there is none.
        outbox: Sends mails; None if there is no mail server.
        admins: Who administers the gateway, any of these; empty if nobody does.
        find_refusal: Returns why the request with an id was refused; None without `admins`.
        country_of: Tells the country of an address; None without `country_file`.
        watch: What administrators see of the gateway; None if it does not serve.
        launcher: The apps behind the gateway; None if there is nothing to open.
        access_requests: What people asked the administrators for; None without `admins`.
        account_secrets: Names of the account secrets that are sent to apps.
        on_sign_in: Called after each sign-in with the provider and ``success`` or the reason.
    """

    providers: Mapping[str, Provider]
    sessions: SessionManager
    all_sessions: AllSessions
    cookies: CookieRules
    clock: Clock
    key_set: Callable[[], bytes]
    store: Store
    journal: Journal
    told_of_logouts: frozenset[str] = frozenset()
    identify: Callable[[Request], Awaitable[Outcome]] | None = None
    admission: Admission = SESSION_ONLY
    on_sign_in: Callable[[str, str], None] = _ignore
    app_cookies: AppCookies | None = None
    accounts: Accounts | None = None
    keys: tuple[ApiKeys, ApiKeySettings] | None = None
    apps: Apps | None = None
    auth_server: AuthServer | None = None
    local: Local | None = None
    directory: "Directory | None" = None
    outbox: Outbox | None = None
    admins: tuple[Item, ...] = ()
    find_refusal: FindRefusal | None = None
    country_of: CountryOf | None = None
    watch: Watch | None = None
    launcher: Launcher | None = None
    access_requests: AccessRequests | None = None
    account_secrets: Sequence[str] = ()

    @property
    def token_clients(self) -> TokenClients | None:
        """Whose tokens there are; None if nobody gets any."""
        if self.auth_server is not None:
            return TokenClients(self.auth_server.tokens, self.apps, self.auth_server)
        return None if self.apps is None else TokenClients(self.apps.tokens, self.apps, None)

    @property
    def issuers(self) -> frozenset[str]:
        """The issuers that people can sign in at."""
        every = self.providers.values()
        found = {issuer for it in every for issuer in it.registration.issuers}
        return frozenset(found if self.directory is None else {*found, self.directory.issuer})

    def session_cookies(self, request: Request) -> tuple[str, ...]:
        """The distinct session cookies of `request`, in order."""
        return tuple(dict.fromkeys(request.cookies(self.cookies.session_name(request))))

    async def session(self, request: Request) -> Session | None:
        """The live session of the browser that sent `request`, or None.

        Raises:
            TooManySessionCookiesError: it sent more session cookies than any browser has.
            StoreUnavailableError: the store could not answer.
        """
        now, cookies = self.clock(), self.session_cookies(request)
        if len(cookies) > MAX_VALUES:
            raise TooManySessionCookiesError(f"{len(cookies)} session cookies")
        for cookie in cookies:
            found = self.sessions.recall(cookie, now) or await self.sessions.load(cookie, now)
            if found is not None:
                return found
        return None
