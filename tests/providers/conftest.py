"""Each provider as a process, a gateway for each test, and a record of what came of it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.raw import OK
from tests.fixtures.gateway import GatewayProcess, clean_environment
from tests.fixtures.network import RawUpstream, take_free_port
from tests.providers.kinds import KINDS
from tests.providers.person import Person
from tests.providers.provider import CLIENT_ID, INSTALLED, SECRET, Place, Provider

# Only `make test-providers` installs the providers.
collect_ignore_glob = [] if "TEST_PROVIDERS" in os.environ else ["test_*.py"]
FIELDS = {
    "Remote-User": "{user}",
    "Remote-Email": "{email}",
    "Remote-Groups": "{groups}",
    "Remote-Roles": "{roles}",
}
STAFF = [{"group": "staff"}, {"role": "staff"}]
RESULTS = INSTALLED / "results"


@dataclass(slots=True)
class World:
    """A gateway in front of an app, for which alice signs in at a real provider."""

    provider: Provider
    gateway: GatewayProcess
    app: RawUpstream
    alice: Person

    def field(self, name: str) -> str:
        """A field of the last request that the app got; "" where it is absent."""
        head = self.app.heads[-1].decode()
        lines = [line.partition(": ") for line in head.split("\r\n")]
        return next((value for key, _, value in lines if key.lower() == name.lower()), "")

    def report(self) -> dict[str, Any]:
        """What `gatepost provider id` finds."""
        command = [sys.executable, "-m", "gateway", "provider", "-c", self.gateway.config_path]
        done = subprocess.run(
            [*command, "--json", "id"], capture_output=True, env=clean_environment({})
        )
        (found,) = json.loads(done.stdout)["providers"]
        assert found["ok"] == (done.returncode == 0)
        return dict(found)


@pytest.fixture(scope="session")
def kind(request: pytest.FixtureRequest) -> str:
    """The provider's name; each test says with which ones it runs."""
    return str(request.param)


@pytest.fixture(scope="session")
def provider(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """One provider after the other, each for all its tests."""
    origin = f"http://127.0.0.1:{take_free_port()}"
    place = Place(tmp_path_factory.mktemp(kind), take_free_port(), origin, _database(request))
    with KINDS[kind].start(place) as started:
        yield started


def _database(request: pytest.FixtureRequest) -> Callable[[], str]:
    # Only a provider that asks for one has a server started.
    return lambda: str(request.getfixturevalue("postgres_server").schema_url())


Start = Callable[..., Awaitable[World]]


@pytest.fixture
async def start(
    provider: Provider, gateway_process: Callable[..., GatewayProcess], raw_upstream: Any
) -> AsyncIterator[Start]:
    """Start a gateway: ``world = await start(client_secret=…)``, settings of the provider.

    `more` are settings of the gateway's own.
    """
    people: list[Person] = []

    async def begin(more: Mapping[str, Any] | None = None, **of_provider: Any) -> World:
        app = await raw_upstream(OK)
        place = provider.place
        settings = {
            "public_url": place.origin,
            "server": {"listen": place.origin.removeprefix("http://")},
            "upstreams": {"app": {"url": app.url, "identity": {"headers": FIELDS}}},
            "routes": [
                {"name": "staff", "prefix": "/staff", "access": {"allow": STAFF}},
                {"name": "rest", "prefix": "/", "access": "signed_in"},
            ],
            "providers": {"id": settings_of(provider, of_provider)},
            **(more or {}),
        }
        people.append(Person(provider))
        return World(provider, gateway_process(settings), app, people[-1])

    yield begin
    for person in people:
        await person.close()


def settings_of(provider: Provider, changed: dict[str, Any]) -> dict[str, Any]:
    """The gateway's settings of a provider, with `changed` over them; None takes one away."""
    found = {
        "issuer": provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        **provider.settings,
        **changed,
    }
    return {name: value for name, value in found.items() if value is not None}


def pytest_configure(config: pytest.Config) -> None:
    """Tests of the matrix name their column."""
    config.addinivalue_line("markers", "scenario(name): a column of docs/providers/matrix.md")


@pytest.hookimpl(tryfirst=True)
# First: xdist reads the marks in a hook of its own.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With `--dist loadgroup`, one process tests one provider, so that each is started once."""
    here = Path(__file__).parent
    for item in items:
        name = _kind_of(item) if item.path.is_relative_to(here) else None
        if name is not None:
            item.add_marker(pytest.mark.xdist_group(name))


def _kind_of(item: pytest.Item) -> str | None:
    spec = getattr(item, "callspec", None)
    name = spec and spec.params.get("kind")
    return name if isinstance(name, str) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Keep what came of each scenario, one file each: several processes write beside another."""
    report = yield
    marker, name = item.get_closest_marker("scenario"), _kind_of(item)
    if marker is not None and name is not None and (report.when == "call" or report.failed):
        why = "" if call.excinfo is None else call.excinfo.exconly().splitlines()[0]
        _keep(RESULTS / name / f"{marker.args[0]}.json", {"outcome": report.outcome, "why": why})
    return report


def _keep(path: Path, found: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found))
