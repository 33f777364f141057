"""The example of two gateways, on loopback: one stops, and the people who are signed in stay so."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml

from tests.e2e.people import Browser
from tests.examples.compose import COMPOSE
from tests.fixtures.network import take_free_port
from tests.fixtures.postgres import postgres_server
from tests.fixtures.real_clock import real_clock
from tests.proxies.conftest import app, running

__all__ = ["postgres_server", "real_clock"]
EXAMPLE = COMPOSE / "two-gateways"
# The same port on two addresses, as two containers have it.
ADDRESSES = ("127.0.0.1", "127.0.0.2")


@pytest.fixture
async def site(tmp_path, gateway_process, demo_provider, raw_upstream, postgres_server):
    """Caddy's URL and the two gateways behind it, configured as the example says."""
    upstream = await raw_upstream(lambda connection: app(upstream, connection))
    web, admin, store = take_free_port(), take_free_port(), postgres_server.schema_url()
    url = f"http://127.0.0.1:{web}"
    callback = f"{url}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
    settings = yaml.safe_load((EXAMPLE / "gatepost.yaml").read_text())
    settings |= {"public_url": url, "store": store, "upstreams": {"app": upstream.url}}
    settings["providers"]["oidc"] = {"issuer": provider.issuer, "client_id": "notes"}
    settings["secret_file"] = str(tmp_path / "secret")
    (tmp_path / "secret").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "secret").chmod(0o600)
    caddyfile = (EXAMPLE / "Caddyfile").read_text()
    gateways = []
    for number, address in enumerate(ADDRESSES, 1):
        listen = f"{address}:{take_free_port()}"
        server = {**settings["server"], "listen": listen, "trusted_proxies": ["127.0.0.1"]}
        server["admin_listen"] = f"{address}:{admin}"
        gateways.append(gateway_process({**settings, "server": server}))
        caddyfile = caddyfile.replace(f"gateway-{number}:8080", listen)
    caddyfile = caddyfile.replace("health_port 9090", f"health_port {admin}")
    caddyfile = caddyfile.replace("127.0.0.1:8081", f"127.0.0.1:{take_free_port()}")
    caddyfile = caddyfile.replace("http://localhost:8080 {", f"{url} {{\n\tbind 127.0.0.1")
    (tmp_path / "Caddyfile").write_text(caddyfile)
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with running(command, tmp_path, web):
        yield url, gateways


async def test_a_gateway_stops_and_nobody_notices(site):
    url, (first, second) = site
    async with Browser(url) as browser:

        async def status():
            async with browser.session.get(f"{url}/notes", allow_redirects=False) as response:
                return response.status

        signed_in, page = await browser.sign_in("alice")
        assert signed_in == 302, page
        # Both serve.
        while not all(it.audit() for it in (first, second)):
            assert await status() == 200
        with ThreadPoolExecutor(1) as beside:
            stopped = asyncio.get_running_loop().run_in_executor(beside, first.stop)
            while not stopped.done():
                assert await status() == 200
            assert await stopped == 0
        # Only the other one is there.
        for _ in range(20):
            assert await status() == 200
