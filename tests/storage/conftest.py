"""A clock that tests drive, and every store that is listed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.storage import STORES, Store, open_store


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(STORES))
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> AsyncIterator[Store]:
    opened = open_store(request.param, tmp_path / "data", clock)
    yield opened
    await opened.aclose()


@pytest.fixture
async def store_pair(
    request: pytest.FixtureRequest, store: Store, tmp_path: Path, clock: Clock
) -> AsyncIterator[tuple[Store, Store]]:
    """Two of them over the same values, where the kind of store can be shared at all."""
    name = request.node.callspec.params["store"]
    if name == "memory":
        yield store, store
        return
    other = open_store(name, tmp_path / "data", clock)
    yield store, other
    await other.aclose()
