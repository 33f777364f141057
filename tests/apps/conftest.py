"""Each app of `TESTED` as a process, and a gateway and provider in front of it for each test."""

import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.apps.app import App, Place
from tests.apps.apps import ALL, APPS, TESTED
from tests.apps.visitor import Visitor
from tests.fixtures.demo import DemoProvider, demo_providers
from tests.fixtures.gateway import GatewayProcess, clean_environment, gateways
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate, wait_until
from tests.readers.conftest import listens

# Apps that only `make test-apps` installs.
_ON_DEMAND = ("buildbot", "jupyter", "miniflux", "miniflux_openid")
collect_ignore = [] if ALL else [f"test_{name}.py" for name in _ON_DEMAND]
# A first start makes databases, and waits for other tests.
_START_S = 120.0


@dataclass(frozen=True, slots=True)
class World:
    """An app, the gateway in front of it, and who visits them.

    Attributes:
        origin: The gateway's, which people see.
    """

    name: str
    app: App
    origin: str
    provider: DemoProvider
    visitors: list[Visitor] = field(default_factory=list)

    def visitor(self, key: str | None = None, name: str = "anything") -> Visitor:
        """Somebody new, with an empty jar."""
        self.visitors.append(Visitor(self.origin, key, name))
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
        about = {"Origin": self.origin}
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


@dataclass(frozen=True, slots=True)
class Running:
    """A running app, and what starts gateways in front of it."""

    name: str
    place: Place
    start_gateway: Callable[..., GatewayProcess]
    start_provider: Callable[..., DemoProvider]

    def serve(self, origin: str) -> DemoProvider:
        """Start a gateway at `origin`, and the provider it has people sign in at."""
        callback = f"{origin}/_gatepost/callback/oidc"
        provider = self.start_provider({"client_id": "apps", "redirect_uris": [callback]})
        self.start_gateway(settings_for(self.name, self.place.port, origin, provider.issuer))
        return provider


def settings_for(name: str, port: int, origin: str, issuer: str) -> dict[str, Any]:
    """The gateway's settings, as the app's page under docs/apps/ has them."""
    path = APPS[name].logout_path
    upstream = {"url": f"http://127.0.0.1:{port}", "identity": {"headers": name}}
    claims = {"user": "preferred_username"}
    return {
        "public_url": origin,
        "server": {"listen": origin.removeprefix("http://")},
        "upstreams": {name: {**upstream, "logout_paths": [] if path is None else [path]}},
        "providers": {"oidc": {"issuer": issuer, "client_id": "apps", "claims": claims}},
        "api_keys": {},
        **APPS[name].gateway,
    }


@pytest.fixture(scope="session", params=TESTED)
def behind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """One app after the other, each for all tests of one process."""
    name: str = request.param
    origin = f"http://127.0.0.1:{take_free_port()}"
    directory = tmp_path_factory.mktemp(name)
    place = Place(directory, take_free_port(), origin, _database(request))
    ours = tmp_path_factory.mktemp(f"{name}-gateways")
    with running(APPS[name], place), demo_providers(ours) as provider, gateways(ours) as gateway:
        yield Running(name, place, gateway, provider)


@pytest.fixture(scope="session")
def served(behind: Running) -> DemoProvider:
    """The provider of the one gateway that most tests share."""
    return behind.serve(behind.place.origin)


@pytest.fixture
async def world(behind: Running, served: DemoProvider) -> AsyncIterator[World]:
    """The app behind a gateway, and nobody there yet."""
    async with visited(behind, behind.place.origin, served) as world:
        yield world


@pytest.fixture
async def own_world(behind: Running) -> AsyncIterator[World]:
    """The same, with a provider that may be stopped."""
    origin = f"http://127.0.0.1:{take_free_port()}"
    async with visited(behind, origin, behind.serve(origin)) as world:
        yield world


@asynccontextmanager
async def visited(behind: Running, origin: str, provider: DemoProvider) -> AsyncIterator[World]:
    """A world whose visitors leave at the end."""
    world = World(behind.name, APPS[behind.name], origin, provider)
    yield world
    for visitor in world.visitors:
        await visitor.session.close()


# First: xdist reads the marks in a hook of its own.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, one process tests one app, so that each is started once."""
    for item in items:
        app = getattr(item, "callspec", None) and item.callspec.params.get("behind")
        if isinstance(app, str):
            item.add_marker(pytest.mark.xdist_group(app))
