"""The apps of examples/verify as processes, each on a loopback port."""

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.gateway import clean_environment
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate, wait_until
from tests.verify.assertions import AUDIENCE

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "verify"
_AT = "127.0.0.1:{port}"
_GUNICORN = (sys.executable, "-m", "gunicorn", "--no-control-socket", "--bind", _AT)

# What starts each, in its directory.
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "flask": (*_GUNICORN, "--threads", "2", "app:app"),
    "django": (*_GUNICORN, "wsgi:application"),
    "fastapi": (sys.executable, "-m", "uvicorn", "--ws", "wsproto", "--port", "{port}", "app:app"),
    "express": ("node", "app.mjs"),
    "hono": ("node", "app.mjs"),
    "go": ("{directory}/notes",),
    "rails": ("puma", "--quiet", "--environment", "none", "--bind", f"tcp://{_AT}", "config.ru"),
}
# What has to be done before.
FIRST: Mapping[str, tuple[str, ...]] = {
    "django": (sys.executable, "-m", "django", "migrate"),
    "go": ("go", "build", "-o", "{directory}/notes", "."),
}
DIRECTORIES = {"rails": Path(__file__).parent / "rails"}


@dataclass(frozen=True, slots=True)
class App:
    """A running app; `name` is that of its page and directory."""

    name: str
    port: int

    @property
    def url(self) -> str:
        """The upstream's `url` in the gateway's configuration."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, *assertions: str) -> tuple[int, bytes]:
        """Status and body of a GET that comes to the app past the gateway."""
        return get(self.port, [("Gatepost-Assertion", value) for value in assertions])


def get(port: int, fields: list[tuple[str, str]]) -> tuple[int, bytes]:
    """Status and body of a GET with `fields`, where a name may come twice, and Host too."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        has_host = any(name == "Host" for name, _ in fields)
        connection.putrequest("GET", "/", skip_host=has_host)
        for name, value in fields:
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()


def identity_in(answer: tuple[int, bytes]) -> dict[str, Any]:
    """What the app says of who is asking."""
    status, body = answer
    assert status == 200, (status, body)
    return dict(json.loads(body))


@contextmanager
def running(name: str, port: int, issuer: str, directory: Path) -> Iterator[App]:
    """The app on `port`, behind the gateway at `issuer`; its files are in `directory`."""
    directory.mkdir()
    place = DIRECTORIES.get(name, EXAMPLES / name)
    environment = clean_environment(_environment(port, issuer, directory))
    if name in FIRST:
        first = _filled(FIRST[name], port, directory)
        subprocess.run(first, cwd=place, env=environment, check=True, capture_output=True)
    log_path = directory / "log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            _filled(COMMANDS[name], port, directory),
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        try:
            wait_until(lambda: _listens(port), process, name)
        except RuntimeError as error:
            raise AssertionError(f"{error}; it wrote:\n{log_path.read_text()}") from None
        yield App(name, port)
    finally:
        terminate(process, name)


def _filled(command: tuple[str, ...], port: int, directory: Path) -> list[str]:
    program, *arguments = (part.format(port=port, directory=directory) for part in command)
    return [program if "/" in program else require_tool(program), *arguments]


def _environment(port: int, issuer: str, directory: Path) -> dict[str, str]:
    return {
        "ASSERTION_ISSUER": issuer,
        "ASSERTION_AUDIENCE": AUDIENCE,
        "ASSERTION_JWKS": f"{issuer}/_gatepost/.well-known/jwks.json",
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Django's.
        "DJANGO_SETTINGS_MODULE": "settings",
        "SECRET_KEY": "only-for-tests-0123456789abcdef0123456789abcdef",
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE": str(directory / "notes.sqlite3"),
        # Node's and Go's.
        "PORT": str(port),
        "ADDRESS": f"127.0.0.1:{port}",
        "GOFLAGS": "-mod=readonly",
        "GOPROXY": "off",
    }


def _listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ports_of(names: list[str]) -> dict[str, int]:
    """A free port for each app."""
    return {name: take_free_port() for name in names}
