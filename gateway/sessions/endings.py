"""Ends sessions: in the store, on this worker, and by message on every other worker."""

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

# Replaces a record between the two steps of its end; it cannot be opened as a session.
_NOTHING = b"\x00"
_NOTHING_S = 5.0

# How long the store remembers that a session was signed out and did not just expire.
_LEFT_KEPT_S = 90 * 86400.0

Cause = Literal["ended", "replaced", "refused"]


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that has ended, with what is needed to clean up after it.

    Attributes:
        info: Describes the session; None if its record could not be read.
        refresh_token: To be revoked at the provider; None if there is none.
        cause: ``replaced`` if the same browser signed in again: some providers end their own
            session with the old refresh token, and with it the new one.  ``refused`` if the
            provider no longer accepts the refresh token.
    """

    session_id: str
    info: SessionInfo | None
    refresh_token: str | None = field(repr=False)
    cause: Cause = "ended"


Unregister = Callable[[], None]


class Endings:
    """Removes sessions from the store and notifies listeners and other workers.

    Attributes:
        news: Messages between workers about sessions.
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
        """Call `callback` with the id of each session that ends, on any worker.

        Also with each session that `interrupt` is called for on this worker.
        """
        return _register(self._on_end, callback)

    def on_revoke(self, callback: Callable[[Ended], None]) -> Unregister:
        """Call `callback` with each session that ends, only on the worker that removed it."""
        return _register(self._on_revoke, callback)

    def on_news(self, callback: Callable[[str], None]) -> Unregister:
        """Call `callback` with the id of each session that another worker changed or ended."""
        return _register(self._on_news, callback)

    async def end(self, ids: Iterable[str], sealer: Sealer, cause: Cause) -> list[Ended]:
        """End the sessions with these ids; returns those that still existed.

        Raises:
            StoreUnavailableError: Some could not be ended; other workers are told of the rest.
        """
        ended = []
        try:
            for session_id in ids:
                data = await self._store.take(storage_key(session_id))
                if data is not None:
                    ended.append(_read(sealer, session_id, data, cause))
                try:
                    if data is not None and cause == "ended":
                        await self._store.put(_left_key(session_id), b"", ttl_s=_LEFT_KEPT_S)
                finally:
                    # Listeners may ask `had_left`.
                    self.forget(session_id)
        finally:
            if ended:
                await self.tell(ended=[item.session_id for item in ended])
            for item in ended:
                _call_all(self._on_revoke, item)
        return ended

    async def had_left(self, session_id: str, began_at: float, now: float) -> bool:
        """Whether the session was signed out, or began too long ago to tell.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        if abs(now - began_at) >= _LEFT_KEPT_S:
            return True
        return await self._store.get(_left_key(session_id)) is not None

    async def end_as_it_is(
        self, session_id: str, data: bytes, sealer: Sealer, cause: Cause
    ) -> bool:
        """End the session if its record is still `data`; False if the record has changed."""
        key = storage_key(session_id)
        if not await self._store.compare_and_swap(key, data, _NOTHING, ttl_s=_NOTHING_S):
            return False
        await self._store.delete(key)
        self.forget(session_id)
        await self.tell(ended=[session_id])
        _call_all(self._on_revoke, _read(sealer, session_id, data, cause))
        return True

    def give_up(self, ended: Ended) -> None:
        """Revoke a refresh token that was issued for a session which has ended meanwhile."""
        _call_all(self._on_revoke, ended)

    def forget(self, session_id: str) -> None:
        """Drop an ended session from this worker's cache and notify listeners."""
        self._cache.end(session_id, self._clock())
        _call_all(self._on_end, session_id)

    def interrupt(self, session_id: str) -> None:
        """Close what a session keeps open, because it may have ended and the store is down."""
        _call_all(self._on_end, session_id)

    async def tell(self, *, ended: Sequence[str] = (), changed: Sequence[str] = ()) -> None:
        """Tell the other workers which sessions ended or changed."""
        await self.news.tell({"worker": self._worker, "ended": ended, "changed": changed})

    async def doubt(self, ids: Sequence[str]) -> None:
        """Make all workers read these sessions and their accounts again."""
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
        except Exception:  # noqa: BLE001 - logged; the other listeners must still be told
            _log.exception("a listener for ended sessions failed")
