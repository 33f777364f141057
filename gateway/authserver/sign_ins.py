"""Which browser session each client's tokens come from, so that both can end together.

A sign-in is kept until the browser's session ends.  Then it is *ending*: its tokens are ended, and
its client is told (see `gateway.assembly.sign_outs`).  Every step swaps the record, so of many
workers one takes it.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from gateway.authserver.person_claims import subject_of
from gateway.sealing.sealer import Sealer
from gateway.sessions.record import unpack
from gateway.sessions.session import Session
from gateway.sessions.ticket import storage_key
from gateway.storage.store import Store

_PURPOSE = "sign-in"
_LIVE, _ENDING = "sign-ins", "sign-ins-ending"
# As long as a code of the session before may still come.
_CODE_S = 120.0
# Longer than all attempts to tell a client take.
_ENDING_S = 86400.0


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in of a person at a client.  Times are seconds since the epoch.

    Attributes:
        sid: As in the client's ID tokens.
        issuer: As in the client's ID tokens, like `subject`.
        browser: The id of the browser's session.
        browser_since: When that session began.
        tokens: The id of the session behind the client's tokens; None if the client ended it.
        has_id_token: Whether the client was told who the person is.
        ends_tokens: Whether the tokens end with the browser's session.
        attempts: How often it was tried to end it; None while it lasts.
        next_at: When to try again.
    """

    sid: str
    client: str
    issuer: str
    subject: str
    browser: str
    browser_since: float
    tokens: str | None
    has_id_token: bool
    ends_tokens: bool
    attempts: int | None = None
    next_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A sign-in as it is stored."""

    sign_in: SignIn
    stored: bytes = field(repr=False)


class SignIns:
    """Sign-ins in the store; every method raises StoreUnavailableError if that cannot answer."""

    def __init__(
        self, store: Store, sealer: Callable[[], Sealer], kept_s: Callable[[], float]
    ) -> None:
        """Forget a sign-in after `kept_s` seconds, when its tokens have expired too."""
        self._store = store
        self._sealer = sealer
        self._kept_s = kept_s

    async def add(self, sign_in: SignIn) -> None:
        """Keep a new sign-in."""
        await self._store.put(
            _key(sign_in.sid),
            self._seal(sign_in),
            ttl_s=self._kept_s(),
            indexes=_indexes(sign_in),
        )

    async def is_live(self, browser: str) -> bool:
        """Whether the browser's session has neither ended nor expired."""
        return unpack(await self._store.get(storage_key(browser))) is not None

    async def find(self, sid: str) -> SignIn | None:
        """The sign-in, if it lasts."""
        entry = self._open(_key(sid), await self._store.get(_key(sid)))
        return None if entry is None or entry.sign_in.attempts is not None else entry.sign_in

    async def of_browser(self, browser: str) -> list[Entry]:
        """The sign-ins that come from the browser's session."""
        return self._all(await self._store.find(_of_browser(browser)))

    async def of_tokens(self, tokens: str) -> list[Entry]:
        """The sign-in that gave the tokens of this session, if any."""
        return self._all(await self._store.find(_of_tokens(tokens)))

    async def page(self, after: str, limit: int) -> tuple[list[Entry], str | None]:
        """Some sign-ins that last, and where the next page begins; None at the end."""
        found = await self._store.page(_LIVE, after=after, limit=limit)
        return self._all(found), found[-1][0] if len(found) == limit else None

    async def ending(self) -> list[Entry]:
        """The sign-ins that are ending."""
        return self._all(await self._store.find(_ENDING))

    async def without_tokens(self, sid: str) -> None:
        """Note that the client itself ended its tokens, which it need not be told."""
        entry = self._open(_key(sid), await self._store.get(_key(sid)))
        if entry is not None and entry.sign_in.attempts is None:
            await self._swap(entry, replace(entry.sign_in, tokens=None))

    async def move(self, browser: str, successor: Session) -> None:
        """Keep the sign-ins of a browser's session whose person has signed in again."""
        subject = subject_of(successor.identity)
        pointer = json.dumps([successor.session_id, subject]).encode()
        await self._store.put(_after(browser), pointer, ttl_s=_CODE_S)
        for entry in await self.of_browser(browser):
            if entry.sign_in.subject == subject:
                moved = replace(
                    entry.sign_in,
                    browser=successor.session_id,
                    browser_since=successor.created_at,
                )
                await self._swap(entry, moved)

    async def successor(self, browser: str, subject: str) -> str | None:
        """The session that just took the place of the browser's, if it is the same person's."""
        pointer = await self._store.get(_after(browser))
        session_id, whose = (None, None) if pointer is None else json.loads(pointer)
        return session_id if whose == subject else None

    async def take(self, entry: Entry, next_at: float, *, ends_tokens: bool) -> Entry | None:
        """Begin or try to end a sign-in, until `next_at`; None if another worker was first."""
        attempts = (entry.sign_in.attempts or 0) + 1
        taken = replace(entry.sign_in, attempts=attempts, next_at=next_at, ends_tokens=ends_tokens)
        return await self._swap(entry, taken)

    async def forget(self, sid: str) -> None:
        """Forget a sign-in that has ended."""
        await self._store.delete(_key(sid))

    async def _swap(self, entry: Entry, changed: SignIn) -> Entry | None:
        sealed = self._seal(changed)
        swapped = await self._store.compare_and_swap(
            _key(changed.sid),
            entry.stored,
            sealed,
            ttl_s=self._kept_s() if changed.attempts is None else _ENDING_S,
            indexes=_indexes(changed),
        )
        return Entry(changed, sealed) if swapped else None

    def _seal(self, sign_in: SignIn) -> bytes:
        data = json.dumps(asdict(sign_in)).encode()
        return self._sealer().seal(_PURPOSE, data, context=_key(sign_in.sid).encode())

    def _all(self, found: list[tuple[str, bytes]]) -> list[Entry]:
        read = (self._open(key, data) for key, data in found)
        return [it for it in read if it is not None]

    def _open(self, key: str, stored: bytes | None) -> Entry | None:
        if stored is None:
            return None
        data = self._sealer().open_sealed(_PURPOSE, stored, context=key.encode())
        try:
            return None if data is None else Entry(SignIn(**json.loads(data)), stored)
        except (ValueError, TypeError):
            return None


def _indexes(sign_in: SignIn) -> tuple[str, ...]:
    if sign_in.attempts is not None:
        return (_ENDING,)
    of_tokens = () if sign_in.tokens is None else (_of_tokens(sign_in.tokens),)
    return (_LIVE, _of_browser(sign_in.browser), *of_tokens)


def _key(sid: str) -> str:
    return f"sign-in:{sid}"


def _after(browser: str) -> str:
    return f"session-after:{browser}"


# Session ids are digests, so the store shows nobody's session by them.
def _of_browser(browser: str) -> str:
    return f"sign-ins-of-browser:{browser}"


def _of_tokens(tokens: str) -> str:
    return f"sign-ins-of-tokens:{tokens}"
