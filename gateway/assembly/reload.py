"""When the configuration is read again, and what becomes of it.

A file is read once it has changed and then stood still, so that one that is being written is not
read half.  What cannot be read, or cannot be used, is reported and changes nothing.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from gateway.errors import GatewayError, SettingsError
from gateway.settings.load import Loaded
from gateway.settings.schema import Settings

_log = logging.getLogger(__name__)

STILL_S = 1.0
_LOOK_S = 0.25

Stamp = tuple[tuple[int, ...], ...]


class Watch:
    """Tells when one of some files has changed and then stood still for a second."""

    def __init__(self, files: Iterable[Path]) -> None:
        """Watch `files` as they are now."""
        self._files = tuple(files)
        self._since = 0.0
        self.restart()

    def restart(self) -> None:
        """Watch them as they are now: a change so far is not told."""
        self._read = self._seen = stamp(self._files)

    def look(self, now: float) -> bool:
        """Whether to read them again at `now`, in seconds of any clock; once for each change."""
        found = stamp(self._files)
        if found != self._seen:
            self._seen, self._since = found, now
        elif found != self._read and now - self._since >= STILL_S:
            self._read = found
            return True
        return False


def stamp(files: Iterable[Path]) -> Stamp:
    """What is another value after one of `files`, or what a link leads to, has changed."""
    return tuple(map(_stamp, files))


def _stamp(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """The settings whose change has no effect before the next start."""
    before, after = old.server, new.server
    changed = {
        "server.listen": before.listen != after.listen,
        "server.admin_listen": before.admin_listen != after.admin_listen,
        "server.workers": before.workers != after.workers,
        "server.tls": (before.tls is None) != (after.tls is None),
        "data_dir": old.data_dir != new.data_dir,
        "store": old.store != new.store,
    }
    return [name for name, has_changed in changed.items() if has_changed]


def as_started(old: Settings, new: Settings) -> Settings:
    """`new`, but for what takes effect with the next start only: that is as in `old`.

    So a worker that is started later serves where the others do.
    """
    before = old.server
    fixed: dict[str, object] = {
        "listen": before.listen,
        "admin_listen": before.admin_listen,
        "workers": before.workers,
    }
    if (before.tls is None) != (new.server.tls is None):
        fixed["tls"] = before.tls
    server = new.server.model_copy(update=fixed)
    return new.model_copy(update={"server": server, "data_dir": old.data_dir, "store": old.store})


class Reloader:
    """Reads the configuration when asked to, and when its files have changed.

    Attributes:
        succeeded: Whether the one read last was taken.
    """

    def __init__(
        self,
        loaded: Loaded,
        read: Callable[[], Loaded],
        take: Callable[[Settings], Awaitable[None]],
        told: Callable[[bool], None] = lambda succeeded: None,
    ) -> None:
        """Start from `loaded`; `read` gives the next one, which `take` puts in its place.

        `read` raises a SettingsError, and `take` what cannot be served; `told` hears the outcome.
        """
        self._started_with = loaded.settings
        self._read = read
        self._take = take
        self._told = told
        self._files = loaded.files
        self._watch = Watch(loaded.files)
        self._wanted = asyncio.Event()

    def request(self) -> None:
        """Read it soon, changed or not."""
        self._wanted.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        now = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout(_LOOK_S):
                    await self._wanted.wait()
            except TimeoutError:
                if not self.is_due(now()):
                    continue
            self._wanted.clear()
            self._told(await self.reload())

    def is_due(self, now: float) -> bool:
        """Whether a file has changed since it was read last, and stood still; see Watch.look."""
        return self._watch.look(now)

    async def reload(self) -> bool:
        """Read it now; whether it was taken."""
        # Before reading: what changes meanwhile is read again.
        self._watch.restart()
        try:
            # Parsing takes tens of milliseconds: not on the loop that proxies.
            loaded = await asyncio.to_thread(self._read)
            if loaded.files != self._files:
                self._files, self._watch = loaded.files, Watch(loaded.files)
            await self._take(as_started(self._started_with, loaded.settings))
        except SettingsError as error:
            for problem in error.problems:
                _log.error("%s", problem)
        except (GatewayError, OSError) as error:
            _log.error("%s", error)
        except Exception:  # noqa: BLE001 - a file never ends a gateway that runs
            _log.exception("the configuration cannot be used")
        else:
            for warning in loaded.warnings:
                _log.warning("%s", warning)
            for name in needs_restart(self._started_with, loaded.settings):
                _log.warning("%s has changed: that needs a restart", name)
            _log.info("the configuration was read again")
            return True
        _log.error("the configuration is not taken: the last good one stays")
        return False
