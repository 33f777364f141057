"""Ending sessions: in the store, on this worker, and by message on every other one."""

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from gateway.sealing.sealer import Sealer
from gateway.sessions.cache import SessionCache
from gateway.sessions.record import SessionInfo, open_info, open_refresh_token, unpack
from gateway.sessions.ticket import storage_key
from gateway.storage.contact import Contact
from gateway.storage.news import News
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

_CHANNEL = "sessions"

_T = TypeVar("_T")

# What stands for a record between two steps of its end; it opens as no session.
_NOTHING = b"\x00"
_NOTHING_S = 5.0

# That a session was signed out, not just run out, is known for this long.
_LEFT_KEPT_S = 90 * 86400.0

Cause = Literal["ended", "replaced", "refused"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that is over, and what is left to do about it.

    Attributes:
        info: Whose it was; None when its record could not be read.
        refresh_token: To be revoked at the provider, where there is one.
        cause: ``replaced`` when the same browser signed in again: some providers end their own
            session with the old refresh token, and with it the new one.  ``refused`` when the
            provider no longer takes the refresh token.
    """

    session_id: str
    info: SessionInfo | None
    refresh_token: str | None = field(repr=False)
    cause: Cause = "ended"


Unregister = Callable[[], None]


class Endings:
    """Takes sessions out of the store and tells those who must know.

    Attributes:
        news: The messages between workers about sessions.
    """

    def __init__(self, store: Store, cache: SessionCache, contact: Contact, clock: Clock) -> None:
        self._store = store
        self._cache = cache
        self._clock = clock
        self._worker = secrets.token_hex(8)
        self._on_end: dict[object, Callable[[str], None]] = {}
        self._on_revoke: dict[object, Callable[[Ended], None]] = {}
        self._on_news: dict[object, Callable[[str], None]] = {}
        self.news = News(store, _CHANNEL, contact, self._heard)

    def on_end(self, callback: Callable[[str], None]) -> Unregister:
        """Call `callback` with the id of each session that ends, on whichever worker.

        Also of each that `interrupt` is called for on this one.
        """
        return _register(self._on_end, callback)

    def on_revoke(self, callback: Callable[[Ended], None]) -> Unregister:
        """Call `callback` with each session that ends, on the one worker that took it out."""
        return _register(self._on_revoke, callback)

    def on_news(self, callback: Callable[[str], None]) -> Unregister:
        """Call `callback` with the id of each session another worker has changed or ended."""
        return _register(self._on_news, callback)

    async def end(self, ids: Iterable[str], sealer: Sealer, cause: Cause) -> list[Ended]:
        """End the sessions of these ids; those that were still there.

        Raises:
            StoreUnavailableError: Not all could be ended; other workers hear of those that were.
        """
        ended = []
        try:
            for session_id in ids:
                data = await self._store.take(storage_key(session_id))
                self.forget(session_id)
                if data is not None:
                    ended.append(_read(sealer, session_id, data, cause))
                if data is not None and cause == "ended":
                    await self._store.put(_left_key(session_id), b"", ttl_s=_LEFT_KEPT_S)
        finally:
            if ended:
                await self.tell(ended=[item.session_id for item in ended])
            for item in ended:
                _call_all(self._on_revoke, item)
        return ended

    async def had_left(self, session_id: str, began_at: float, now: float) -> bool:
        """Whether the session was ended by a sign-out, or began too long ago to tell.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        if abs(now - began_at) >= _LEFT_KEPT_S:
            return True
        return await self._store.get(_left_key(session_id)) is not None

    async def end_as_it_is(
        self, session_id: str, data: bytes, sealer: Sealer, cause: Cause
    ) -> bool:
        """End the session while its record still is `data`; False when it is another by now."""
        key = storage_key(session_id)
        if not await self._store.compare_and_swap(key, data, _NOTHING, ttl_s=_NOTHING_S):
            return False
        await self._store.delete(key)
        self.forget(session_id)
        await self.tell(ended=[session_id])
        _call_all(self._on_revoke, _read(sealer, session_id, data, cause))
        return True

    def give_up(self, ended: Ended) -> None:
        """Have a refresh token revoked that came for a session which had ended meanwhile."""
        _call_all(self._on_revoke, ended)

    def forget(self, session_id: str) -> None:
        """Act on this worker as a session's end demands."""
        self._cache.end(session_id, self._clock())
        _call_all(self._on_end, session_id)

    def interrupt(self, session_id: str) -> None:
        """Close what is open for a session that may have ended: the store cannot be asked."""
        _call_all(self._on_end, session_id)

    async def tell(self, *, ended: Sequence[str] = (), changed: Sequence[str] = ()) -> None:
        """Tell the other workers."""
        await self.news.tell({"worker": self._worker, "ended": ended, "changed": changed})

    async def doubt(self, ids: Sequence[str]) -> None:
        """Have these sessions and their accounts read again, on this worker and the others."""
        self._cache.doubt(ids)
        await self.news.tell({"worker": self._worker, "ended": (), "changed": (), "account": ids})

    def _heard(self, told: Mapping[str, Any]) -> None:
        if told["worker"] == self._worker:
            return
        for session_id in told["ended"]:
            self.forget(session_id)
        for session_id in told["changed"]:
            self._cache.drop(session_id)
        if doubted := told.get("account"):
            self._cache.doubt(doubted)
        for session_id in (*told["ended"], *told["changed"]):
            _call_all(self._on_news, session_id)


def _left_key(session_id: str) -> str:
    return f"session-left:{session_id}"


def _read(sealer: Sealer, session_id: str, data: bytes, cause: Cause) -> Ended:
    record = unpack(data)
    info = open_info(sealer, session_id, record)
    return Ended(session_id, info, open_refresh_token(sealer, session_id, record), cause)


def _register(
    callbacks: dict[object, Callable[[_T], None]], callback: Callable[[_T], None]
) -> Unregister:
    token = object()
    callbacks[token] = callback

    def unregister() -> None:
        callbacks.pop(token, None)

    return unregister


def _call_all(callbacks: dict[object, Callable[[_T], None]], argument: _T) -> None:
    for callback in tuple(callbacks.values()):
        try:
            callback(argument)
        except Exception:  # noqa: BLE001 - logged; the session is over for the others too
            _log.exception("a listener to the end of sessions failed")
