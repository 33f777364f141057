"""HAProxy in front, which passes connections on without reading them."""

import asyncio
import subprocess

import pytest

from tests.dataplane.harness import Client
from tests.e2e.raw import OK, behind, get
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate
from tests.patience import soon

CLIENT = "127.0.0.7"
CONFIG = """
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  option httpchk GET /check
listen front
  bind 127.0.0.1:{port}
  server gateway 127.0.0.1:{gateway} {options}
"""


@pytest.fixture
async def fronted(raw_upstream, gateway_process, tmp_path):
    """Start a gateway behind an HAProxy: ``await fronted("send-proxy-v2")``."""
    started = []

    async def start(options, workers=1):
        app = await raw_upstream(OK)
        server = {"proxy_protocol": "v2", "trusted_proxies": ["127.0.0.1"], "workers": workers}
        gateway = gateway_process(behind(app, server=server))
        port = take_free_port()
        file = tmp_path / "haproxy.cfg"
        file.write_text(CONFIG.format(port=port, gateway=gateway.port, options=options))
        started.append(subprocess.Popen([require_tool("haproxy"), "-db", "-f", file]))
        return app, gateway, port

    yield start

    for process in started:
        terminate(process, "haproxy")


async def connect(port) -> Client:
    """A connection of `CLIENT`, as soon as the proxy listens."""
    while True:
        try:
            opened = asyncio.open_connection("127.0.0.1", port, local_addr=(CLIENT, 0))
            return Client(*await opened)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)


def is_told(app):
    lines = app.heads[-1].split(b"\r\n")
    return [line for line in lines if line.lower().startswith(b"x-forwarded-for:")]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    "options",
    [
        "send-proxy-v2",
        "send-proxy-v2 proxy-v2-options crc32c,unique-id",
        "send-proxy-v2-ssl-cn",
    ],
)
async def test_the_client_is_who_connected_to_the_load_balancer(fronted, options, workers):
    app, gateway, port = await fronted(options, workers)
    client = await soon(connect(port))

    for _ in range(2):
        assert (await client.ask(get(gateway, "/asked"))).status == 200
    assert is_told(app) == [b"X-Forwarded-For: " + CLIENT.encode()]
    assert gateway.wait_for_audit(path="/asked")["ip"] == CLIENT
    client.close()


async def test_its_health_checks_are_its_own(fronted):
    _, gateway, _ = await fronted("send-proxy-v2 check inter 100ms")

    assert gateway.wait_for_audit(path="/check")["ip"] == "127.0.0.1"


@pytest.mark.parametrize("options", ["send-proxy", ""])
async def test_version_1_and_no_header_are_refused(fronted, options):
    app, gateway, port = await fronted(options)
    client = await soon(connect(port))
    await client.send(get(gateway, "/asked"))

    assert await client.is_closed()
    client.close()
    assert gateway.wait_for_audit(reason="malformed-request")["ip"] == "127.0.0.1"
    assert app.connections == 0
