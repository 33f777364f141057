"""What there is to know of an app, to run it behind the gateway."""

import subprocess
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.apps.visitor import Answer, Visitor

ROOT = Path(__file__).parents[2]
# Where `make test-apps` installs apps.
INSTALLED = ROOT / "build" / "apps" / "bin"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an app runs.

    Attributes:
        port: The app's own.
        origin: The gateway's, which people see.
        database: Gives the URL of an empty PostgreSQL schema.
    """

    directory: Path
    port: int
    origin: str
    database: Callable[[], str]

    def write(self, name: str, text: str) -> Path:
        """Write a file of the app's configuration."""
        path = self.directory / name
        path.write_text(text)
        return path

    def run(self, *command: str | Path) -> None:
        """Run a command of the app's before it starts."""
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        assert done.returncode == 0, (command, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Command:
    """What starts an app, in its directory."""

    words: tuple[str | Path, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class App:
    """One app.

    Attributes:
        who: Asks the app itself who is there, as its own pages or calls say it.
        home: A page for browsers.
        upload: Puts bytes into the app; gives what the app then says is there.  None where people
            upload nothing.
        logout_path: The app's own sign-out, where it has one.
        leave: Signs out there, as the app's own button does.
        gateway: More of the gateway's settings.
    """

    set_up: Callable[[Place], Command]
    who: Callable[[Visitor], Awaitable[str]]
    home: str = "/"
    upload: Callable[[Visitor, bytes], Awaitable[bytes]] | None = None
    logout_path: str | None = None
    leave: Callable[[Visitor], Awaitable[Answer]] | None = None
    gateway: Mapping[str, Any] = field(default_factory=dict)


def form(data: bytes, file: str = "file", **fields: str) -> aiohttp.FormData:
    """A form with a file, as a browser sends it."""
    made = aiohttp.FormData(fields)
    made.add_field(file, data, filename="note.txt")
    return made
