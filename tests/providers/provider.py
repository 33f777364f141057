"""What there is to know of a real provider, to sign in at it through the gateway."""

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.fixtures.gateway import clean_environment
from tests.fixtures.processes import terminate, wait_until
from tests.providers.forms import walk

ROOT = Path(__file__).parents[2]
# Where scripts/setup-providers installs them.
INSTALLED = ROOT / "build" / "providers"
# A first start makes databases and keys, or starts a Java machine, beside other tests.
START_S = 600.0
STOP_S = 120.0
CLIENT_ID = "gatepost"
SECRET = "the-secret-of-the-gateway-at-the-provider-0123456789"
PASSWORD = "Correct-horse-9-battery"
# Of access tokens: the gateway refreshes a session when four fifths of it are over.  Long enough
# for a sign-in on a machine that has much to do.
ACCESS_S = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where a provider runs, and the gateway that it knows as a client.

    Attributes:
        port: The provider's own.
        origin: The gateway's, which browsers see.
        database: Gives the URL of an empty PostgreSQL schema.
    """

    directory: Path
    port: int
    origin: str
    database: Callable[[], str]

    @property
    def url(self) -> str:
        """The provider's own origin."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def redirect_uri(self) -> str:
        """To register at the provider."""
        return f"{self.origin}/_gatepost/callback/id"

    @property
    def post_logout_uri(self) -> str:
        """To register at the provider."""
        return f"{self.origin}/_gatepost/logout"

    @property
    def backchannel_uri(self) -> str:
        """To register at the provider."""
        return f"{self.origin}/_gatepost/backchannel-logout/id"

    def write(self, name: str, text: str) -> Path:
        """Write a file of the provider's configuration."""
        path = self.directory / name
        path.write_text(text)
        return path

    def run(self, *words: str | Path, environment: Mapping[str, str] | None = None) -> str:
        """What a command of the provider's prints, before it starts or beside it."""
        done = subprocess.run(
            words,
            cwd=self.directory,
            env=clean_environment(environment or {}),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


class Provider(ABC):
    """A running provider that knows alice, who is a member of staff."""

    def __init__(self, place: Place) -> None:
        self.place = place

    @property
    def issuer(self) -> str:
        """The issuer, as the provider writes it."""
        return self.place.url

    @property
    @abstractmethod
    def settings(self) -> Mapping[str, Any]:
        """The provider's part of the gateway's settings."""

    @property
    def answers(self) -> Mapping[str, str]:
        """What alice enters at the provider, by the names of the fields of its forms."""
        return {"username": "alice", "password": PASSWORD}

    async def enter(self, session: aiohttp.ClientSession, url: str) -> str:
        """Sign alice in at the provider; the URL that it sends her browser back to."""
        return await walk(session, url, self.answers, self.place.origin)

    async def leave(self, session: aiohttp.ClientSession, url: str) -> str:
        """Sign her out, as the gateway sent her; the URL that the provider sends her back to."""
        return await walk(session, url, {}, self.place.origin)

    def log(self) -> str:
        """What it has written so far."""
        return (self.place.directory / "output").read_text()

    async def asks(self, session: aiohttp.ClientSession, url: str) -> bool:
        """Whether it asks for a password, as it does of whoever is not signed in there."""
        async with session.get(url) as response:
            return 'type="password"' in await response.text()

    def rotate_keys(self) -> None:
        """Sign with a new key from now on, as its administrator would."""
        raise NotImplementedError

    async def end_sessions(self, session: aiohttp.ClientSession) -> None:
        """Sign alice out at the provider; `session` is her browser there."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Kind:
    """One provider of the matrix.

    Attributes:
        installed: Its name under build/providers/versions.
        lacks: Scenarios that it does not offer, and why, in a sentence that names it.
        notes: What to know of scenarios that pass.
        also: What tests of its own show.
    """

    title: str
    installed: str
    start: Callable[[Place], AbstractContextManager[Provider]]
    lacks: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    also: tuple[str, ...] = ()


@contextmanager
def running(
    words: tuple[str | Path, ...],
    place: Place,
    ready: Callable[[], bool],
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A provider as a process in its directory, until it is `ready`; it logs to `output`."""
    log = place.directory / "output"
    with log.open("ab") as output:
        process = subprocess.Popen(
            words,
            cwd=place.directory,
            env=clean_environment(environment or {}),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
        )
    assert process.stdin is not None
    try:
        wait_until(ready, process, str(words[0]), START_S)
        yield process
    except RuntimeError as error:
        raise AssertionError(f"{error}; it wrote:\n{log.read_text()[-4000:]}") from error
    finally:
        terminate(process, str(words[0]), STOP_S)
        process.stdin.close()


def version_of(installed: str) -> str:
    """What scripts/setup-providers installed, by the name it gives it."""
    return (INSTALLED / "versions" / installed).read_text().strip()
