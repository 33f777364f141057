"""The session cookie of a signed-in browser."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

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
from gateway.message.public_url import base_of
from gateway.message.request import Request
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import Session
from gateway.sessions.ticket import COOKIE_CHARS
from gateway.settings.schema import Settings

# A sibling host can set cookies with our name beside the real one (RFC 6265, section 8.6), and
# must not lock the user out by that.  More than this many is an attack.
MAX_VALUES: Final = 4


def cookie_name(name: str, public_url: str, domain: str | None) -> str:
    """The session cookie's name: `name`, with the prefix ``__Host-`` on https without a domain.

    Browsers accept that prefix only over https, for one host and all its paths (RFC 6265bis,
    section 4.1.3.2), so no sibling host can set such a cookie.  Below a path of the host, it is
    ``__Secure-``, which only https can set.
    """
    if domain is not None or public_url[:8].lower() != "https://":
        return name
    return f"__Secure-{name}" if base_of(public_url) else f"__Host-{name}"


class SessionAuthenticator:
    """Looks up sessions by their cookie; see Authenticator."""

    credential = "session"
    fields: frozenset[bytes] = frozenset()

    def __init__(
        self, sessions: SessionManager, name: str, domain: str | None, public_urls: Iterable[str]
    ) -> None:
        """Read the cookie `name`, with the prefix it has on the requested host.

        `public_urls` are the known ones.  There may be more: a host that only a route names has a
        public URL that is not listed.
        """
        self._sessions = sessions
        self._name = name
        self._domain = domain
        self._names = {url: cookie_name(name, url, domain) for url in public_urls}
        self.cookies = frozenset(self._names.values())

    def recognises(self, field: bytes, value: bytes) -> bool:
        """Always False: no field carries a session, and the client does not choose its cookies."""
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
        """`judge` from memory alone, or None if that is not enough; not counted as session use."""
        values = self.presented(request)
        if not values:
            return NOT_PRESENTED
        if len(values) > MAX_VALUES:
            return _TOO_MANY
        found = [self._sessions.peek(value, request.received_at) for value in values]
        return None if None in found else _judge(found)

    async def look_up(self, request: Request) -> Outcome:
        """`judge` with a store lookup; not counted as session use."""
        values = self.presented(request)
        if not values:
            return NOT_PRESENTED
        if len(values) > MAX_VALUES:
            return _TOO_MANY
        now = request.received_at
        return _judge([await self._sessions.look_up(value, now) for value in values])

    def presented(self, request: Request) -> tuple[str, ...]:
        """The distinct session cookies, in order.  Sign-in replaces them, and logout ends them."""
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
    """The authenticator for sessions, or None if nobody can sign in."""
    settings = parts.settings
    return authenticator_of(parts) if settings.providers or settings.has_local_accounts else None


def authenticator_of(parts: Parts) -> SessionAuthenticator:
    """The reader of session cookies, whether or not they are accepted."""
    cookie = parts.settings.sessions.cookie
    return SessionAuthenticator(
        parts.sessions, cookie.name, cookie.domain, parts.settings.public_url
    )


def example(settings: Settings) -> str:
    """A field line with a cookie that was never set, under its names on all hosts."""
    cookie, value = settings.sessions.cookie, "A" * COOKIE_CHARS
    urls = ("http://a", "https://a", *settings.public_url)
    names = dict.fromkeys(cookie_name(cookie.name, url, cookie.domain) for url in urls)
    return "Cookie: " + "; ".join(f"{name}={value}" for name in names)
