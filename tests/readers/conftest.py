"""The gateway in front of real servers: each test runs with every one of `READERS`."""

import asyncio
import hashlib
import itertools
import json
import os
import random
import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.credentials.key_format import new_key
from tests.dataplane.harness import HOST, Answer, BrokenBodyError, Client, request
from tests.fixtures.fuzzing import SEED
from tests.fixtures.gateway import GatewayProcess, clean_environment, gateways
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate, wait_until
from tests.readers.readers import READERS

# How many made requests a reader gets in a test; `make readers` makes more.
CASES = int(os.environ.get("READERS_CASES", "500"))
KEY = new_key(os.urandom)
USER = "ci-bot"
SETTINGS = {
    "public_url": f"http://{HOST.decode()}",
    "providers": {"idp": {"issuer": "https://id.test", "client_id": "c"}},
    "api_keys": {
        "static": [{"name": "ci", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), "user": USER}]
    },
    "routes": [
        {"name": "denied", "prefix": ["/admin", "/secret"], "access": "denied"},
        {"name": "keyed", "prefix": "/keyed", "access": "signed_in"},
        {"name": "all", "prefix": "/", "access": "public"},
    ],
}
_DENIED = re.compile(r"/(?:admin|secret)(?:/.*)?", re.DOTALL)
_LANES = 4
_AT_ONCE = 8

# What a reader says of a request: see apps/record.py.
Seen = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """A request; the app is told `name` as X-Id, so that it can be told from all others."""

    name: str
    method: str
    target: str
    data: bytes


@dataclass(frozen=True, slots=True)
class World:
    """A reader, and the gateway in front of it.

    Attributes:
        reader: Its name in `READERS`.
        directory: Where it notes what it sees, and looks for what it waits for.
        chance: What requests are made up from; the same each time, unless SEED says another.
    """

    reader: str
    gateway: GatewayProcess
    directory: Path
    chance: random.Random
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def make(self, target: str, *lines: str, method: str = "GET", body: bytes = b"") -> Sent:
        """A request with a name that no other has."""
        name = f"n{next(self.numbers)}"
        target = target.replace("NAME", name)
        data = request(target, f"X-Id: {name}", *lines, method=method, body=body)
        return Sent(name, method, target, data)

    def seen(self) -> list[Seen]:
        """Everything the reader saw in this test, in order."""
        return [json.loads(line) for line in (self.directory / "seen").read_text().splitlines()]

    def output(self) -> str:
        """The last that the reader wrote, such as why it failed."""
        return (self.directory / "output").read_text(errors="replace")[-2000:]

    async def has_seen(self, sent: Sent, within_s: float) -> bool:
        """Whether the reader sees `sent`: some read a whole body before they tell their app."""
        log = self.directory / "seen"
        for _ in range(int(within_s / 0.01)):
            if f'"{sent.name}"' in log.read_text():
                return True
            await asyncio.sleep(0.01)
        return False

    def release(self, sent: Sent) -> None:
        """Let the answer to `sent`, a request for `/hold?NAME`, come."""
        (self.directory / sent.name).touch()

    async def connect(self) -> Client:
        """A new connection to the gateway."""
        return Client(*await asyncio.open_connection("127.0.0.1", self.gateway.port))

    async def turn(self) -> None:
        """Wait until the gateway has passed on what was sent to it before."""
        client = await self.connect()
        for _ in range(2):
            assert (await client.ask(request("/admin"))).status == 403
        client.abort()

    async def ask(self, *sent: Sent) -> list[Answer]:
        """The answers, several asked for at once on each of several connections."""
        lanes = [list(sent[at::_LANES]) for at in range(_LANES)]
        answers = await asyncio.gather(*(self._ask_in_turn(lane) for lane in lanes if lane))
        found: list[Answer] = [answers[0][0]] * len(sent)
        for at, lane in enumerate(answers):
            found[at::_LANES] = lane
        return found

    async def _ask_in_turn(self, sent: Sequence[Sent]) -> list[Answer]:
        answers: list[Answer] = []
        while len(answers) < len(sent):
            client = await self.connect()
            before = len(answers)
            try:
                await self._ask_on(client, sent, answers)
            except (asyncio.IncompleteReadError, BrokenBodyError, ConnectionError):
                # What was sent behind a request that ends the connection is asked again.
                assert len(answers) > before, f"no answer to {sent[before].data!r}"
            finally:
                client.abort()
        return answers

    async def _ask_on(self, client: Client, sent: Sequence[Sent], answers: list[Answer]) -> None:
        """Fill `answers` until all are there or one closes the connection."""
        while batch := sent[len(answers) : len(answers) + _AT_ONCE]:
            await client.send(b"".join(one.data for one in batch))
            for one in batch:
                answers.append(await client.response(one.method))
                if answers[-1].closes:
                    return


def seen_by_app(answer: Answer) -> Seen | None:
    """What the app saw, where it was the app that answered."""
    if not answer.body.startswith(b'{"method":'):
        return None
    seen: Seen = json.loads(answer.body)
    return seen


def values(seen: Seen, name: str) -> set[str]:
    """Every value that an app can take for the field `name`, given in lower case."""
    return {value for spelt, value in seen["fields"] if folded(spelt) == name}


def folded(name: str) -> str:
    """A field's name as every server may read it: CGI's variables have `_` for all marks."""
    return re.sub("[^a-z0-9]", "-", name.removeprefix("HTTP_").lower())


def is_own(answer: Answer, sent: Sent) -> bool:
    """Whether `answer` is to `sent`; the gateway's own answers and empty ones are nobody's."""
    seen = seen_by_app(answer)
    return seen is None or values(seen, "x-id") == {sent.name}


@contextmanager
def running(name: str, directory: Path) -> Iterator[int]:
    """The reader `name` on a port of its own."""
    port = take_free_port()
    program, *arguments = [word.format(port=port) for word in READERS[name]]
    (directory / "seen").touch()
    with (directory / "output").open("wb") as output:
        process = subprocess.Popen(
            [require_tool(program), *arguments],
            cwd=Path(__file__).parent / "apps",
            env=clean_environment({"READER_DIRECTORY": str(directory)}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: listens(port), process, name)
        yield port
    except RuntimeError as error:
        pytest.fail(f"{error}; it wrote:\n{(directory / 'output').read_text()}", pytrace=False)
    finally:
        terminate(process, name)


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session", params=READERS)
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """One reader after the other, each with its gateway, for all tests of one process."""
    directory = tmp_path_factory.mktemp(request.param)
    with running(request.param, directory) as port, gateways(directory) as start:
        upstreams = {"app": {"url": f"http://127.0.0.1:{port}"}}
        gateway = start({**SETTINGS, "upstreams": upstreams})
        yield World(request.param, gateway, directory, random.Random())


@pytest.fixture
def world(started: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """A reader behind a gateway; whatever the test does, the reader never sees what is denied."""
    started.chance.seed(f"{SEED} {request.node.name}")
    (started.directory / "seen").write_bytes(b"")

    yield started

    slipped = [seen for seen in started.seen() if any(map(_DENIED.fullmatch, seen["paths"]))]
    assert slipped == []
