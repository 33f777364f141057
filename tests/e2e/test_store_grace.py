"""A store that is down: who is known goes on for `sessions.store_grace`, and is refused then."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.e2e.people import Browser
from tests.e2e.raw import admin, connect, get
from tests.e2e.raw import ask as ask_raw
from tests.e2e.test_api_keys import echo, made
from tests.fixtures.gateway import dump
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, until

UNKNOWN = f"Cookie: gatepost={'A' * 64}"


@dataclass
class File:
    """SQLite's file, which can be taken away."""

    directory: Path
    url: str = "sqlite"

    def kill(self):
        self.directory.rename(self.directory.with_name("away"))

    def start(self):
        self.directory.with_name("away").rename(self.directory)


@pytest.fixture(params=["sqlite", "redis", "postgresql"])
def server(request, tmp_path):
    """A store's server that can be killed and started again."""
    if request.param == "sqlite":
        return File(tmp_path / "store")
    name = {"redis": "redis", "postgresql": "postgres"}[request.param]
    return request.getfixturevalue(f"start_{name}_server")()


@pytest.fixture
async def start(gateway_process, demo_provider, raw_upstream, server, tmp_path):
    """A gateway, what a signed-in browser sends, and what has an API key."""

    async def run(grace):
        upstream = await raw_upstream(echo)
        address = f"127.0.0.1:{take_free_port()}"
        redirect_uri = f"http://{address}/_gatepost/callback/oidc"
        provider = demo_provider({"client_id": "notes", "redirect_uris": [redirect_uri]})
        gateway = gateway_process(
            {
                "server": {"listen": address},
                "store": server.url,
                "data_dir": str(tmp_path / "store"),
                "sessions": {"store_grace": grace},
                "upstreams": {"app": upstream.url},
                "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
                "api_keys": {},
            }
        )
        async with Browser(gateway.base_url) as browser:
            assert (await browser.sign_in("alice"))[0] in (302, 303)
            cookie = f"Cookie: gatepost={browser.cookies()['gatepost'].value}"
        key = f"X-API-Key: {await asyncio.to_thread(made, gateway, '--user', 'ci')}"
        for proof in (cookie, key):
            assert await status(gateway, proof) == 200
        return gateway, cookie, key

    return run


async def status(gateway, proof):
    """The status of an answer, which neither sets nor clears a cookie where it is 503."""
    answer = await ask_raw(gateway, "/", proof)
    assert answer.status == 200 or not answer.all("set-cookie")
    return answer.status


async def tunnel(gateway, proof):
    client = await connect(gateway)
    await client.send(get(gateway, "/", proof, "Connection: Upgrade", "Upgrade: raw"))
    assert (await client.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
    return client


@pytest.mark.parametrize("grace", ["0s", "2s"])
async def test_whoever_is_known_goes_on_for_the_time_of_grace_only(start, server, grace):
    gateway, *proofs = await start(grace)
    tunnels = [await tunnel(gateway, proof) for proof in proofs]
    server.kill()

    for proof in proofs:
        found = []

        async def is_refused(proof=proof, found=found):
            found.append(await status(gateway, proof))
            return found[-1] != 200

        await until(is_refused)
        assert found[-1] == 503
    async with asyncio.timeout(PATIENCE_S):
        for client in tunnels:
            assert await client.reader.read() == b""
            client.writer.close()
    assert [await status(gateway, proof) for proof in (*proofs, UNKNOWN) * 3] == [503] * 9

    server.start()

    async def all_go_on():
        return [await status(gateway, proof) for proof in (*proofs, UNKNOWN)] == [200, 200, 401]

    await until(all_go_on)


async def test_a_sign_in_meanwhile_is_told_to_start_again(start, server):
    gateway, *_ = await start("0s")
    server.kill()

    async with Browser(gateway.base_url) as browser:
        status, page = await browser.sign_in("bob")
        left = [name for name in browser.cookies() if "-flow-" in name]
    counted = (await admin(gateway, "/metrics")).body.decode()

    assert (status, left) == (503, [])
    assert "Your sign-in was not completed" in page
    assert "/_gatepost/sign-in?return_to=/home" in page
    sign_ins = [it for it in counted.splitlines() if it.startswith("gatepost_sign_ins_total{")]
    (line,) = [it for it in sign_ins if "sign-in-unfinished" in it]
    assert line.endswith("} 1.0")


async def test_a_long_time_of_grace_lasts_until_it_is_taken_back(start, server):
    gateway, *proofs = await start("1h")
    tunnels = [await tunnel(gateway, proof) for proof in proofs]
    server.kill()

    async def is_missed():
        return (await admin(gateway, "/readyz")).status == 503

    await until(is_missed)
    assert await status(gateway, UNKNOWN) == 503
    assert [await status(gateway, proof) for proof in proofs * 10] == [200] * 20
    for client in tunnels:
        await client.send(b"x")
        assert await client.reader.readexactly(1) == b"x"
        client.writer.close()

    settings = yaml.safe_load(gateway.config_path.read_text())
    settings["sessions"]["store_grace"] = "0s"
    gateway.config_path.write_text(dump(settings))

    async def all_are_refused():
        return [await status(gateway, proof) for proof in proofs] == [503, 503]

    await until(all_are_refused)
