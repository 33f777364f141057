"""The session cookie of a signed-in browser."""

from collections.abc import Iterable, Sequence
from functools import partial
from urllib.parse import urlsplit

from gateway.authn.authenticator import (
    NOT_PRESENTED,
    SESSION_EXPIRED,
    Authenticated,
    Authenticator,
    Outcome,
    Pending,
    Rejected,
)
from gateway.authn.parts import Parts
from gateway.message.request import Request
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import Session
from gateway.sessions.ticket import COOKIE_CHARS
from gateway.settings.schema import Settings

# A sibling host can plant cookies of our name beside the real one (RFC 6265, section 8.6), and
# none of them may lock a user out; nobody has this many without meaning harm.
MAX_VALUES = 4


def cookie_name(name: str, public_url: str, domain: str | None) -> str:
    """The session cookie's name: ``__Host-`` before `name` on https without a domain.

    Browsers take a cookie of that prefix only over https, for one host and every path
    (RFC 6265bis, section 4.1.3.2), so that no sibling host can plant one.
    """
    if domain is None and urlsplit(public_url).scheme == "https":
        return f"__Host-{name}"
    return name


class SessionAuthenticator:
    """Looks sessions up by the cookies sent; see Authenticator."""

    credential = "session"
    fields: frozenset[bytes] = frozenset()

    def __init__(
        self, sessions: SessionManager, name: str, domain: str | None, public_urls: Iterable[str]
    ) -> None:
        """Look for `name` with the prefix it has on the host asked; `public_urls` are known ones.

        There may be more: a host that only a route names has a public URL that is not listed.
        """
        self._sessions = sessions
        self._name = name
        self._domain = domain
        self._names = {url: cookie_name(name, url, domain) for url in public_urls}
        self.cookies = frozenset(self._names.values())

    def recognises(self, field: bytes, value: bytes) -> bool:
        """No field carries a session; its cookie is the browser's doing, not the caller's."""
        return False

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge."""
        values = self.presented(request)
        if not values:
            return NOT_PRESENTED
        if len(values) > MAX_VALUES:
            return _TOO_MANY
        if len(values) == 1:
            session = self._sessions.recall(values[0], request.received_at)
            if session is not None:
                return Authenticated(session.identity)
            return Pending(partial(self._ask, values, [None], request.received_at))
        found = [self._sessions.recall(value, request.received_at) for value in values]
        if None in found:
            return Pending(partial(self._ask, values, found, request.received_at))
        return _judge(found)

    async def _ask(
        self, values: Sequence[str], found: Sequence[Session | None], now: float
    ) -> Outcome:
        """Load the sessions that were not found in memory."""
        return _judge(
            [
                await self._sessions.load(value, now) if session is None else session
                for value, session in zip(values, found, strict=True)
            ]
        )

    def peek(self, request: Request) -> Outcome | None:
        """As `judge` by memory alone, without counting as a use of the session."""
        values = self.presented(request)
        if not values:
            return NOT_PRESENTED
        if len(values) > MAX_VALUES:
            return _TOO_MANY
        found = [self._sessions.peek(value, request.received_at) for value in values]
        return None if None in found else _judge(found)

    async def look_up(self, request: Request) -> Outcome:
        """As `judge` by the store, without counting as a use of the session."""
        values = self.presented(request)
        if not values:
            return NOT_PRESENTED
        if len(values) > MAX_VALUES:
            return _TOO_MANY
        now = request.received_at
        return _judge([await self._sessions.look_up(value, now) for value in values])

    def presented(self, request: Request) -> tuple[str, ...]:
        """The distinct session cookies sent, in order: what a sign-in replaces, a logout ends."""
        name = self._names.get(request.public_url)
        if name is None:
            name = cookie_name(self._name, request.public_url, self._domain)
        values = request.cookies(name)
        return values if len(values) <= 1 else tuple(dict.fromkeys(values))


_TOO_MANY = Rejected("repeated-credential", "too many session cookies", status=400, kind="session")
_EXPIRED = Rejected(SESSION_EXPIRED, lapsed=True, kind="session")


def _judge(found: list[Session | None]) -> Outcome:
    live = {session.session_id: session for session in found if session is not None}
    if not live:
        return _EXPIRED
    if len(live) > 1:
        return Rejected(
            "conflicting-credentials", "several live sessions", status=400, kind="session"
        )
    return Authenticated(live.popitem()[1].identity)


def build(parts: Parts) -> Authenticator | None:
    """The authenticator of this configuration's sessions; None where no one can sign in."""
    return authenticator_of(parts) if parts.settings.providers else None


def authenticator_of(parts: Parts) -> SessionAuthenticator:
    """What reads session cookies, be they taken or not."""
    cookie = parts.settings.sessions.cookie
    return SessionAuthenticator(
        parts.sessions, cookie.name, cookie.domain, parts.settings.public_url
    )


def example(settings: Settings) -> str:
    """The field line of a cookie that was never set, by the names it has on http and on https."""
    name, value = settings.sessions.cookie.name, "A" * COOKIE_CHARS
    return f"Cookie: {name}={value}; __Host-{name}={value}"
