"""Reloads the configuration.

A file is read once it has changed and then stayed unchanged for a moment, so that a half-written
file is not read.  A configuration with errors is reported and changes nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from gateway.errors import GatewayError, SettingsError
from gateway.record.report import Change, Reloads
from gateway.settings.load import Loaded
from gateway.settings.route_changes import route_changes
from gateway.settings.schema import Settings
from gateway.settings.setting_changes import setting_changes
from gateway.settings.stamps import stamp

_log = logging.getLogger(__name__)

STILL_S = 1.0
_LOOK_S = 0.25
# Settings that need a restart; so does turning `server.tls` on or off.
_LASTING_OF_SERVER = ("listen", "admin_listen", "workers", "proxy_protocol")
_LASTING = ("data_dir", "store", "tracing")


class Watch:
    """Reports when one of some files has changed and then stayed unchanged for a second.

    Attributes:
        files: What is watched; of a folder, the names of the files that are included with it.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        """Watch `files` and folders, starting from their current state."""
        self.files = tuple(files)
        self._since = 0.0
        self.restart()

    def restart(self) -> None:
        """Start again from the files' current state, without reporting earlier changes."""
        self._read = self._seen = stamp(self.files)

    def look(self, now: float) -> bool:
        """Whether to read them now; True once per change.  `now` is in seconds of any clock."""
        found = stamp(self.files)
        if found != self._seen:
            self._seen, self._since = found, now
        elif found != self._read and now - self._since >= STILL_S:
            self._read = found
            return True
        return False


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The changed settings that need a restart."""
    before, after = old.server, new.server
    changed = [f"server.{it}" for it in _LASTING_OF_SERVER if _differs(before, after, it)]
    if (before.tls is None) != (after.tls is None):
        changed.append("server.tls")
    return [*changed, *(it for it in _LASTING if _differs(old, new, it))]


def as_started(old: Settings, new: Settings) -> Settings:
    """`new`, with the settings that need a restart as in `old`.

    So a worker that starts later listens where the others do.
    """
    before = old.server
    fixed = {it: getattr(before, it) for it in _LASTING_OF_SERVER}
    if (before.tls is None) != (new.server.tls is None):
        fixed["tls"] = before.tls
    server = new.server.model_copy(update=fixed)
    lasting = {it: getattr(old, it) for it in _LASTING}
    return new.model_copy(update={"server": server, **lasting})


def _differs(old: object, new: object, name: str) -> bool:
    return bool(getattr(old, name) != getattr(new, name))


class Reloader:
    """Reloads the configuration on request, and when its files have changed.

    Attributes:
        reloads: How it went so far.
    """

    def __init__(
        self,
        loaded: Loaded,
        read: Callable[[], Loaded],
        take: Callable[[Settings], Awaitable[None]],
        clock: Callable[[], float],
        told: Callable[[Reloads], None] = lambda reloads: None,
        began: Callable[[], None] = lambda: None,
    ) -> None:
        """Start from `loaded`; `read` loads the next configuration, and `take` applies it.

        `read` raises SettingsError, and `take` raises if it cannot be served.  `told` gets the
        outcome of each reload, and `began` is called before it.
        """
        self.reloads = Reloads()
        self._started_with = loaded.settings
        self._served = loaded.settings
        self._filled = frozenset(loaded.document.filled)
        self._clock = clock
        self._read = read
        self._take = take
        self._told = told
        self._began = began
        self._watch = Watch(loaded.files)
        self._wanted = asyncio.Event()

    def request(self) -> None:
        """Reload soon, even if no file has changed."""
        self._wanted.set()

    async def run(self) -> None:
        """Watch the files until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._wanted.wait()
            except TimeoutError:
                if not self.is_due(now()):
                    continue
            self._wanted.clear()
            self._began()
            await self.reload()
            self._told(self.reloads)

    def is_due(self, now: float) -> bool:
        """Whether a file has changed since the last read and is now stable; see Watch.look."""
        return self._watch.look(now)

    async def reload(self) -> bool:
        """Reload now; returns whether it succeeded."""
        # Restart the watch before reading, so that a change during the read causes another.
        self._watch.restart()
        try:
            loaded = await self._load()
            await self._take(as_started(self._started_with, loaded.settings))
        except SettingsError as error:
            problems = tuple(error.problems)
        except (GatewayError, OSError) as error:
            problems = (str(error),)
        except Exception:  # noqa: BLE001 - a bad file must not end a running gateway
            problems = ("the configuration cannot be used: see the log",)
            _log.exception("the configuration cannot be used")
        else:
            for warning in loaded.warnings:
                _log.warning("%s", warning)
            restart = needs_restart(self._started_with, loaded.settings)
            for name in restart:
                _log.warning("%s has changed: this needs a restart", name)
            self._report(loaded, tuple(restart))
            return True
        for problem in problems:
            _log.error("%s", problem)
        _log.error("the configuration was not reloaded: the last valid one stays in effect")
        self.reloads = self.reloads.failed(self._clock(), problems)
        return False

    async def _load(self) -> Loaded:
        # In a thread, because parsing takes tens of milliseconds and would stall the proxy.
        try:
            loaded = await asyncio.to_thread(self._read)
        except SettingsError as error:
            # A file may be at fault that was not read before.
            if not self._follow((*self._watch.files, *error.files)):
                raise
        else:
            if not self._follow(loaded.files):
                return loaded
        # The files that are new may have changed before they were watched.
        return await asyncio.to_thread(self._read)

    def _follow(self, files: Iterable[Path]) -> bool:
        """Watch `files` instead of the current ones; returns whether they differ."""
        wanted = tuple(dict.fromkeys(files))
        if wanted == self._watch.files:
            return False
        self._watch = Watch(wanted)
        return True

    def _report(self, loaded: Loaded, restart: tuple[str, ...]) -> None:
        old, self._served = self._served, loaded.settings
        filled, self._filled = self._filled, frozenset(loaded.document.filled)
        changes = route_changes(old.routes, loaded.settings.routes)
        hidden = filled | self._filled
        found = setting_changes(old, loaded.settings, hidden.__contains__)
        at = self._clock()
        change = Change(at, found, changes.moved, restart) if found or changes else None
        self.reloads = self.reloads.worked(at, change)
        if changes:
            _log.info("routes changed: %s", changes, extra={"changes": changes.as_json()})
        _log.info("the configuration was reloaded")
