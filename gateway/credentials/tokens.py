"""The gateway's own tokens over any store: issued, verified, refreshed.

Each family of tokens has a session, which ends like any other: by its owner, its provider, an
operator or its limits.  ``token-family:<session>`` in the store holds the digests of its tokens.
A token carries its session's ticket, because the stored session opens only with that.
"""

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from cachetools import TTLCache

from gateway.credentials.family import MOST, Family, Presented, judge, rotated
from gateway.credentials.family_store import FamilyStore
from gateway.credentials.known_token import Known
from gateway.credentials.throttle import Throttle
from gateway.credentials.token_format import GatewayToken, new_token, parse_token
from gateway.errors import StoreUnavailableError
from gateway.model import Identity
from gateway.sealing.sealer import RandomBytes
from gateway.sessions.manager import SessionManager
from gateway.sessions.session import ProviderTokens, Session
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

SCOPE_NOT_GRANTED = "scope-not-granted"
_MAX_KNOWN = 10_000
# A bad token never becomes good, but keep this short in case the operator fixes a secret.
_DEAD_S = 30.0
# A swap fails only if the same family changes at the same moment, and one of the writers succeeds.
_SWAP_ATTEMPTS = MOST


@dataclass(frozen=True, slots=True)
class Issued:
    """The tokens that an app gets.

    ticket: The session's ticket, which is enough to make more tokens.
    expires_in_s: Lifetime of the access token in whole seconds.
    scopes: The scopes of the access token.
    """

    session: Session
    ticket: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Refused:
    """The refresh token is refused.

    Attributes:
        reason: Public.
    """

    reason: str


class TokenFamilies:
    """See the module.

    Attributes:
        sessions: The sessions behind the tokens, separate from browser sessions.
        access_s: Lifetime of an access token in seconds; may be changed at run time.
        wrong: Counts failed lookups of tokens on this worker by address.
    """

    def __init__(
        self,
        store: Store,
        sessions: SessionManager,
        access_s: float,
        *,
        clock: Clock,
        timer: Clock = time.monotonic,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Keep families in `store`; `timer` is a monotonic clock for the cache of bad tokens."""
        self.sessions = sessions
        self.access_s = access_s
        self.wrong = Throttle()
        self._families = FamilyStore(store, sessions)
        self._clock = clock
        self._random = random
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._dead: TTLCache[bytes, None] = TTLCache(_MAX_KNOWN, _DEAD_S, timer)

    # Use.

    def recall(self, token: GatewayToken, now: float) -> Known | None:
        """The cached access token, used at `now`; None if `load` must be called.

        It may have expired; the caller must check.
        """
        known = self._known.get(token.digest)
        if known is None or now >= known.expires_at:
            return known
        session = self.sessions.recall(known.ticket, now)
        if session is None:
            return None
        known.follow(session)
        return known

    def remembers(self, token: GatewayToken) -> bool:
        """Whether this worker has recently seen a good token of the same session."""
        return self.sessions.peek(token.ticket, self._clock()) is not None

    def is_dead(self, token: GatewayToken) -> bool:
        """Whether the token was found bad here a moment ago.

        Then an app that keeps sending it uses up no attempts of other clients at its address.
        """
        return token.digest in self._dead

    def remember_bad(self, token: GatewayToken) -> None:
        """Remember for half a minute that a token is bad."""
        self._dead[token.digest] = None

    async def load(self, token: GatewayToken, now: float) -> Known | None:
        """The access token from the store, used at `now`; None if there is none.

        Raises:
            StoreUnavailableError: The store could not answer, and the token is not in this worker's
                cache.
        """
        session = await self.sessions.load(token.ticket, now)
        if session is None:
            self._known.pop(token.digest, None)
            return None
        known = self._known.get(token.digest)
        if known is not None:
            known.follow(session)
            return known
        family, _ = await self._families.read(session.session_id)
        expires_at = None if family is None else family.expiry(token.digest)
        if family is None or expires_at is None:
            return None
        narrowed = family.scopes(token.digest)
        return self._remember(token.digest, Known.of(token.ticket, expires_at, session, narrowed))

    async def session_of(self, token: GatewayToken, now: float) -> Session | None:
        """The session of a refresh token if it could be used at `now`; does not use it."""
        session = await self.sessions.look_up(token.ticket, now)
        family, _ = (
            (None, None) if session is None else await self._families.read(session.session_id)
        )
        if family is None or judge(family, token.digest, now) is Presented.REUSED:
            return None
        return session

    def renewable_until(self, session: Session) -> float:
        """When the refresh tokens of `session` expire if not used, in seconds since the epoch."""
        limits = self.sessions.limits
        return min(session.created_at + limits.absolute_s, session.last_seen_at + limits.idle_s)

    # Give, renew, end.

    async def issue(
        self,
        identity: Identity,
        provider_tokens: ProviderTokens,
        *,
        client: str,
        device: str,
        ip: str,
        provider_sid: str | None,
        replaces: str | None = None,
        resources: tuple[str, ...] = (),
        sign_in: tuple[str, str] | None = None,
    ) -> Issued:
        """Issue the first tokens of a new session.

        Args:
            identity: The user who signed in.
            provider_tokens: The provider's tokens, if it issued any.
            client: The app.
            device: A short name for the device.
            ip: The client's address.
            provider_sid: The provider's ``sid``, if it sent one.
            replaces: The ticket of a session that this one replaces.
            resources: What the tokens are for; empty for the gateway as a whole.
            sign_in: The ``sid`` and ``iss`` of the ID tokens, if there are any.

        Raises:
            StoreUnavailableError: The session could not be saved.
        """
        now = self._clock()
        ticket, session = await self.sessions.create(
            identity,
            provider_tokens,
            provider_sid=provider_sid,
            ip=ip,
            device=device,
            now=now,
            replaces=replaces,
            client=client,
            resources=resources,
            sign_in=sign_in,
        )
        issued, refresh, access = self._make(ticket, session, now)
        await self._families.swap(session, None, Family(current=(refresh,), access=(access,)))
        return issued

    async def refresh(
        self,
        token: GatewayToken,
        client: str,
        now: float,
        scopes: frozenset[str] | None = None,
        judge_session: Callable[[Session], str | None] = lambda session: None,
    ) -> Issued | Refused:
        """Issue new tokens for a refresh token of `client`.

        `scopes` limits the access token; the session must have been granted all of them.
        `judge_session` returns the reason to refuse all the same, or None.

        Raises:
            StoreUnavailableError: The store could not answer; the token was not used.
        """
        session = None
        if token.use == "refresh":
            session = await self.sessions.load(token.ticket, now)
        if session is None:
            return Refused("unknown-token")
        if session.client != client:
            return Refused("token-of-another-client")
        if (reason := judge_session(session)) is not None:
            return Refused(reason)
        granted = session.identity.scopes
        for _ in range(_SWAP_ATTEMPTS):
            family, data = await self._families.read(session.session_id)
            if family is None:
                return Refused("unknown-token")
            presented = judge(family, token.digest, now)
            if presented is Presented.REUSED:
                return await self._end_reused(session)
            if scopes is not None and not scopes <= granted:
                return Refused(SCOPE_NOT_GRANTED)
            narrowed = None if scopes == granted else scopes
            issued, refresh, access = self._make(token.ticket, session, now, scopes)
            successor = rotated(family, presented, refresh, access, now, narrowed)
            if await self._families.swap(session, data, successor):
                return issued
        raise StoreUnavailableError("too many concurrent changes of a token family")

    async def _end_reused(self, session: Session) -> Refused:
        _log.warning("session %.12s ended: its refresh token was reused", session.session_id)
        await self.end(session)
        return Refused("refresh-token-reused")

    async def end(self, session: Session) -> None:
        """End the session and revoke all tokens of its family.

        Raises:
            StoreUnavailableError: The session was not ended.
        """
        await self.sessions.end(session)
        await self._families.delete(session)

    def _make(
        self, ticket: str, session: Session, now: float, scopes: frozenset[str] | None = None
    ) -> tuple[Issued, bytes, tuple[bytes, float]]:
        """New tokens, and their digests for the store."""
        # An access token never outlives its session.
        left_s = session.created_at + self.sessions.limits.absolute_s - now
        lifetime_s = max(1, int(min(self.access_s, left_s)))
        access = new_token("access", ticket, self._random)
        refresh = new_token("refresh", ticket, self._random)
        good_for = session.identity.scopes if scopes is None else scopes
        issued = Issued(session, ticket, access, refresh, lifetime_s, good_for)
        return issued, _digest(refresh), (_digest(access), now + lifetime_s)

    def _remember(self, digest: bytes, known: Known) -> Known:
        while len(self._known) >= _MAX_KNOWN:
            self._known.popitem(last=False)
        self._known[digest] = known
        return known


def _digest(text: str) -> bytes:
    token = parse_token(text)
    assert token is not None  # noqa: S101 - the format reads what it writes
    return token.digest
