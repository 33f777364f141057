"""Background re-check of a worker's cached entries.

`gateway.storage.contact` decides when an entry is re-checked.  Requests never wait for this task.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from gateway.errors import StoreUnavailableError
from gateway.storage.contact import RETRY_S, Contact, Remembered
from gateway.storage.news import News
from gateway.storage.store import Clock
from gateway.storage.watch import Watch
from gateway.storage.worker_cache import WorkerCache

_log = logging.getLogger(__name__)

ROUND_S = 30.0


class Checked(Remembered, Protocol):
    """A cached entry that the background task re-checks.

    Attributes:
        due: Whether the entry is queued for a re-check.
    """

    due: bool


E = TypeVar("E", bound=Checked)


class Upkeep(Generic[E]):
    """The background task for one worker's cache of sessions or keys."""

    def __init__(
        self,
        what: str,
        cache: WorkerCache[E],
        contact: Contact,
        news: News,
        watch: Watch,
        look_after: Callable[[E], Awaitable[None]],
        clock: Clock,
        wake: asyncio.Event,
        round_s: Callable[[], float] = lambda: ROUND_S,
    ) -> None:
        """Re-check queued entries whenever `wake` is set, and every `round_s()` seconds.

        `look_after` asks the store about one entry; `what` names the entries in the log.
        """
        self._what = what
        self._cache = cache
        self._contact = contact
        self._news = news
        self._watch = watch
        self._look_after = look_after
        self._clock = clock
        self._wake = wake
        self._round_s = round_s
        self._due: deque[E] = deque()
        self._task: asyncio.Task[None] | None = None

    def call(self, entry: E) -> None:
        """Queue `entry` for a re-check."""
        if not entry.due:
            entry.due = True
            self._due.append(entry)
            self._wake.set()

    async def start(self) -> None:
        """Listen to the other workers and start the task; does not fail if the store is down."""
        try:
            await self._news.upkeep()
        except StoreUnavailableError as error:
            _log.warning("%s: will listen when the store answers: %s", self._what, error)
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def aclose(self) -> None:
        """Write what is pending and stop; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            try:
                await self.run_once()
            except StoreUnavailableError as error:
                _log.warning("%s: the last times of use were not written: %s", self._what, error)
        self._news.close()

    async def run_once(self) -> None:
        """Re-check everything that is due.

        Raises:
            StoreUnavailableError: Entries that were not re-checked are due again at their next use.
        """
        self._cache.forget_ended(self._clock())
        try:
            await self._watch.run_once()
            while self._due:
                entry = self._due.popleft()
                entry.due = False
                if self._cache.holds(entry):
                    await self._look_after(entry)
            await self._news.upkeep()
        except StoreUnavailableError:
            for entry in self._due:
                entry.due = False
            self._due.clear()
            raise

    async def _run(self) -> None:
        while True:
            # No message tells when the grace period ends, so check more often during an outage.
            round_s = self._round_s()
            round_s = round_s if self._contact.hears else min(RETRY_S, round_s)
            try:
                async with asyncio.timeout(round_s):
                    await self._wake.wait()
            except TimeoutError:
                pass  # Pending messages are sent and tunnels checked even without requests.
            self._wake.clear()
            try:
                await self.run_once()
            except StoreUnavailableError as error:
                _log.warning("%s: re-check delayed: %s", self._what, error)
                await asyncio.sleep(RETRY_S)
                self._wake.set()
            except Exception:  # noqa: BLE001 - logged; without this task all entries go stale
                _log.exception("%s: re-check failed", self._what)
                await asyncio.sleep(RETRY_S)
