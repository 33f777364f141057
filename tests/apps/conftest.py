"""Each app of `TESTED` as a process, and a gateway and provider in front of it for each test."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.apps.apps import ALL, APPS, TESTED, App, Place
from tests.apps.visitor import Visitor
from tests.fixtures.demo import DemoProvider
from tests.fixtures.gateway import clean_environment
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate, wait_until
from tests.readers.conftest import listens

# Apps that only `make test-apps` installs.
collect_ignore = [] if ALL else ["test_buildbot.py", "test_jupyter.py", "test_miniflux.py"]
# A first start makes databases, and waits for other tests.
_START_S = 120.0


@dataclass(slots=True)
class World:
    """An app, the gateway in front of it, and who visits them."""

    name: str
    app: App
    place: Place
    provider: DemoProvider
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, key: str | None = None) -> Visitor:
        """Somebody new, with an empty jar."""
        self.visitors.append(Visitor(self.place.origin, key))
        return self.visitors[-1]

    async def signed_in(self, user: str) -> Visitor:
        """A browser in which `user` has signed in."""
        visitor = self.visitor()
        status, text = await visitor.sign_in(user)
        assert status == 302, text
        return visitor

    async def key_of(self, user: str) -> str:
        """An API key that `user` made."""
        browser = await self.signed_in(user)
        about = {"Origin": self.place.origin}
        made = await browser.ask("POST", "/_gatepost/api/keys", json={"name": "dav"}, headers=about)
        assert made.status == 201, made
        return str(made.json()["key"])


@contextmanager
def running(app: App, place: Place) -> Iterator[None]:
    """The app as a process, until it listens."""
    command = app.set_up(place)
    log = place.directory / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [require_tool(str(command.words[0])), *command.words[1:]],
            cwd=place.directory,
            env=clean_environment(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: listens(place.port), process, "the app", _START_S)
        yield
    except RuntimeError as error:
        pytest.fail(f"{error}; it wrote:\n{log.read_text()}", pytrace=False)
    finally:
        terminate(process, "the app")


def _database(request: pytest.FixtureRequest) -> Callable[[], str]:
    # Only an app that asks for one has a server started.
    return lambda: str(request.getfixturevalue("postgres_server").schema_url())


@pytest.fixture(scope="session", params=TESTED)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Place]]:
    """One app after the other, each for all tests of one process."""
    name: str = request.param
    origin = f"http://127.0.0.1:{take_free_port()}"
    directory = tmp_path_factory.mktemp(name)
    there = Place(directory, take_free_port(), origin, _database(request))
    with running(APPS[name], there):
        yield name, there


def settings_for(name: str, place: Place, provider: DemoProvider) -> dict[str, Any]:
    """The gateway's settings, as the app's page under docs/apps/ has them."""
    logout = APPS[name].logout_path
    return {
        "public_url": place.origin,
        "server": {"listen": place.origin.removeprefix("http://")},
        "upstreams": {
            name: {
                "url": f"http://127.0.0.1:{place.port}",
                "identity": {"headers": name},
                "logout_paths": [] if logout is None else [logout],
            }
        },
        "providers": {
            "oidc": {
                "issuer": provider.issuer,
                "client_id": "apps",
                "claims": {"user": "preferred_username"},
            }
        },
        "api_keys": {},
    }


@pytest.fixture
async def world(
    place: tuple[str, Place], demo_provider: Any, gateway_process: Any
) -> AsyncIterator[World]:
    """The app behind a gateway that has seen nobody yet."""
    name, there = place
    callback = f"{there.origin}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "apps", "redirect_uris": [callback]})
    gateway_process(settings_for(name, there, provider))
    world = World(name, APPS[name], there, provider)
    yield world
    for visitor in world.visitors:
        await visitor.session.close()
