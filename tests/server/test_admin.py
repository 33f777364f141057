"""What the admin listener answers."""

import asyncio
import time

import pytest

from gateway.server.admin import Admin, serve_admin
from gateway.settings.addresses import parse_listen
from tests.dataplane.harness import Client


@pytest.fixture
async def admin(tmp_path):
    """Ask an admin listener: ``await admin("/readyz", obstacle="…")``."""
    opened = []

    async def ask(path, *, obstacle="", metrics=True, method="GET"):
        async def ready():
            return obstacle

        async def render():
            return b"gatepost_x 1\n"

        address = parse_listen(f"unix:{tmp_path / 'admin.sock'}")
        page = Admin(ready, render if metrics else None)
        opened.append(await serve_admin(page, address, time.time))  # noqa: TID251
        client = Client(*await asyncio.open_unix_connection(address.path))
        answer = await client.ask(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        client.writer.close()
        return answer

    yield ask

    for listener in opened:
        listener.close()


@pytest.mark.parametrize(
    ("path", "options", "status", "body"),
    [
        ("/healthz", {}, 200, b"ok\n"),
        ("/healthz", {"obstacle": "store-unavailable"}, 200, b"ok\n"),
        ("/healthz", {"method": "HEAD"}, 200, b""),
        ("/readyz", {}, 200, b"ready\n"),
        ("/readyz", {"obstacle": "store-unavailable"}, 503, b"store-unavailable\n"),
        ("/metrics", {}, 200, b"gatepost_x 1\n"),
        ("/metrics", {"metrics": False}, 404, b"here are /healthz, /readyz\n"),
        ("/", {}, 404, b"here are /healthz, /readyz, /metrics\n"),
        ("/healthz", {"method": "POST"}, 405, b"only GET\n"),
    ],
)
async def test_it_answers(admin, path, options, status, body):
    answer = await admin(path, **options)

    assert (answer.status, answer.body) == (status, body)
