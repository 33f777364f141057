"""The data plane, in production's event loop, with a real upstream on a real socket."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.dataplane.harness import RunningGateway, start_gateway
from tests.fixtures.real_clock import real_clock

__all__ = ["real_clock"]

StartGateway = Callable[..., Awaitable[RunningGateway]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """`gatepost serve` runs on uvloop, and so do these tests."""
    del config, item
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[StartGateway]:
    """Start gateways: ``await gateway(upstream.url, server={...}, upstream={...})``."""
    started: list[RunningGateway] = []
    numbers = itertools.count()

    async def start(
        url: str = "http://127.0.0.1:9",
        upstream: dict[str, Any] | None = None,
        *,
        shadow: Path | None = None,
        **changes: Any,
    ) -> RunningGateway:
        directory = tmp_path / f"gateway-{next(numbers)}"
        directory.mkdir()
        upstreams = {"app": {"url": url, **(upstream or {})}}
        running = await start_gateway(directory, {"upstreams": upstreams, **changes}, shadow)
        started.append(running)
        return running

    yield start

    for running in started:
        for client in running.clients:
            client.abort()
        await running.gateway.stop()
