"""How long no one is asked for new tokens, after a refresh that failed.

A provider that failed is let be by this worker, for all its sessions; a session that could not be
refreshed is let be by every worker, by a mark in the store.
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
    """See the module.  Times are seconds since the epoch."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._troubles: dict[str, _Trouble] = {}

    def of_provider(self, provider: str) -> float:
        """Until when `provider` is not asked; 0 where it may be."""
        trouble = self._troubles.get(provider)
        return 0.0 if trouble is None else trouble.until

    def trying(self, provider: str) -> int:
        """How often `provider`, which is asked now, has failed so far."""
        trouble = self._troubles.get(provider)
        if trouble is None:
            return 0
        # One tries; the others are put off until it knows.
        trouble.until = self._clock() + pause_s(trouble.failures)
        return trouble.failures

    def tried(self, provider: str, failures: int) -> None:
        """`provider` has failed for the `failures`th time; 0 where it has not."""
        if not failures:
            self._troubles.pop(provider, None)
            return
        self._troubles[provider] = _Trouble(failures, self._clock() + pause_s(failures))

    async def of_session(self, session: Session) -> tuple[int, float]:
        """How often `session` could not be refreshed, and until when that is not tried again.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        mark = await self._store.get(_pause_key(session))
        if mark is None:
            return 0, 0.0
        failures, until = json.loads(mark)
        # A clock that was set back may not make a pause longer than it was meant to be.
        return failures, min(until, self._clock() + pause_s(failures))

    async def pause_session(self, session: Session, failures: int) -> float:
        """Until when no worker tries it again; longer after each of `failures`.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        until = self._clock() + pause_s(failures)
        mark = json.dumps([failures, until]).encode()
        await self._store.put(_pause_key(session), mark, ttl_s=4 * pause_s(failures))
        return until


def _pause_key(session: Session) -> str:
    return f"session-refresh-pause:{session.session_id}"
