"""Pauses after failed refreshes.

A provider that failed is not asked by this worker for a while, for any session.  A session that
could not be refreshed is not tried by any worker for a while, because of a mark in the store.
"""

import json
from dataclasses import dataclass

from gateway.sessions.refresh import pause_s
from gateway.sessions.session import Session
from gateway.storage.store import Clock, Store


@dataclass(slots=True)
class _Trouble:
    """A provider that failed: not asked before `until`, and then for one session at a time."""

    failures: int
    until: float


class Pauses:
    """Pauses by provider and by session.  Times are seconds since the epoch."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}

    def of_provider(self, provider: str) -> float:
        """Until when `provider` must not be asked; 0 if it may be."""
        trouble = self._troubles.get(provider)
        return 0.0 if trouble is None else trouble.until

    def trying(self, provider: str) -> int:
        """Note that `provider` is asked now; returns how often in a row it has failed."""
        trouble = self._troubles.get(provider)
        if trouble is None:
            return 0
        # Only one session tries; the others wait for its result.
        trouble.until = self._clock() + pause_s(trouble.failures)
        return trouble.failures

    def tried(self, provider: str, failures: int) -> None:
        """Note that `provider` has now failed `failures` times in a row; 0 means it succeeded."""
        if not failures:
            self._troubles.pop(provider, None)
            return
        self._troubles[provider] = _Trouble(failures, self._clock() + pause_s(failures))

    async def of_session(self, session: Session) -> tuple[int, float]:
        """How often refreshing `session` failed, and until when it must not be tried again.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        mark = await self._store.get(_pause_key(session))
        if mark is None:
            return 0, 0.0
        failures, until = json.loads(mark)
        # If the clock was set back, a pause must not become longer than intended.
        return failures, min(until, self._clock() + pause_s(failures))

    async def pause_session(self, session: Session, failures: int) -> float:
        """Pause `session` for all workers, longer after more `failures`; returns until when.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        until = self._clock() + pause_s(failures)
        mark = json.dumps([failures, until]).encode()
        # Kept longer than the pause, so that the next failure still counts the earlier ones.
        await self._store.put(_pause_key(session), mark, ttl_s=4 * pause_s(failures))
        return until


def _pause_key(session: Session) -> str:
    return f"session-refresh-pause:{session.session_id}"
