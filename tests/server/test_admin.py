"""What the admin listener answers."""

import asyncio
import socket
import time

import pytest

from gateway.server.admin import Admin, Names, Readiness, serve_admin
from gateway.settings.addresses import parse_listen
from gateway.settings.scalars import Address
from gateway.settings.schema import ServerSettings
from tests.dataplane.harness import Client


@pytest.fixture
async def admin(tmp_path):
    """Ask an admin listener: ``await admin("/readyz", obstacle="…")``."""
    opened = []

    async def ask(path, *, obstacle="", missing=(), metrics=True, method="GET"):
        async def ready():
            return Readiness(obstacle, missing)

        async def render():
            return b"gatepost_x 1\n"

        address = parse_listen(f"unix:{tmp_path / 'admin.sock'}")
        names = Names(ServerSettings(admin_listen=address))
        page = Admin(ready, render if metrics else None, names)
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
        ("/readyz", {"missing": ("upstream app: gone",)}, 200, b"ready\nupstream app: gone\n"),
        ("/readyz", {"obstacle": "x", "missing": ("store: a", "b")}, 503, b"x\nstore: a\nb\n"),
        # One part, one line, whatever an error says of it.
        ("/readyz", {"missing": ("a: b\nc",)}, 200, b"ready\n'a: b\\nc'\n"),
        ("/metrics", {}, 200, b"gatepost_x 1\n"),
        ("/metrics", {"metrics": False}, 404, b"not found, try /healthz, /readyz\n"),
        ("/", {}, 404, b"not found, try /healthz, /readyz, /metrics\n"),
        ("/healthz", {"method": "POST"}, 405, b"only GET and HEAD\n"),
    ],
)
async def test_it_answers(admin, path, options, status, body):
    answer = await admin(path, **options)

    assert (answer.status, answer.body) == (status, body)


@pytest.fixture
async def listener():
    """An admin listener on TCP that knows one name more; ask it: ``await listener(head)``."""

    async def ready():
        return Readiness()

    server = ServerSettings(admin_listen="127.0.0.1:9090", admin_hosts=("metrics.test", "gatepost"))
    page = Admin(ready, None, Names(server))
    opened = await serve_admin(page, Address("127.0.0.1", 0), time.time)  # noqa: TID251

    async def ask(head):
        client = Client(*await asyncio.open_connection("127.0.0.1", opened.port))
        answer = await client.ask(head)
        client.writer.close()
        return answer

    yield ask

    opened.close()


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LocalHost:9090",
        "x.localhost",
        "127.0.0.1:9090",
        "10.4.0.7",
        "[::1]:9090",
        "[2001:db8::7]",
        "metrics.test",
        "METRICS.test.:9090",
        "gatepost:9090",
        socket.gethostname(),
    ],
)
async def test_it_is_asked_by_addresses_and_by_names_it_knows(listener, host):
    answer = await listener(f"GET /healthz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    assert (answer.status, answer.body) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "evil.test:9090",
        "localhost.evil.test",
        "127.0.0.1.evil.test",
        "evil-localhost",
        "metrics.test.evil.test",
        "ametrics.test",
        "2130706433",
        "0x7f.1",
    ],
)
async def test_a_page_that_has_its_own_name_lead_here_learns_nothing(listener, host, method, path):
    answer = await listener(f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    assert (answer.status, answer.body) == (
        421,
        b"unknown host: name it in server.admin_hosts\n",
    )


async def test_who_names_no_host_is_no_browser(listener):
    assert (await listener(b"GET /healthz HTTP/1.0\r\n\r\n")).status == 200


@pytest.mark.parametrize("path", ["/healthz/", "/healthzx", "/HEALTHZ", "/x/healthz", "/readyz/01"])
async def test_paths_are_exact(listener, path):
    answer = await listener(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    assert answer.status == 404
