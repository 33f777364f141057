"""Apps that verify the assertion, each behind a real gateway: whom they let in, and whom not."""

import hashlib
import os
from contextlib import ExitStack

import aiohttp
import pytest

from gateway.credentials.key_format import new_key
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, until
from tests.verify.apps import COMMANDS, get, identity_in, ports_of, running
from tests.verify.assertions import AUDIENCE, claims_of, forgeries, keys_of, rotate, signed

KEY = new_key(os.urandom)


def host_of(name):
    return f"{name}.test"


def through(gateway, name):
    """What the app answers a client of the gateway who has the key."""
    return get(gateway.port, [("Host", host_of(name)), ("X-API-Key", KEY)])


@pytest.fixture
def gateway_at(gateway_process, tmp_path):
    """Start a gateway before the apps on `ports`: ``gateway = gateway_at(address, ports)``."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    digest = hashlib.sha256(KEY.encode()).hexdigest()

    def start(address, ports):
        assertion = {"audience": AUDIENCE}
        return gateway_process(
            {
                "server": {"listen": address},
                "data_dir": str(data_dir),
                "upstreams": {
                    name: {
                        "url": f"http://127.0.0.1:{port}",
                        "host": "upstream",
                        "identity": {"assertion": assertion},
                    }
                    for name, port in ports.items()
                },
                "providers": {"idp": {"issuer": "https://id.test", "client_id": "c"}},
                "api_keys": {"static": [{"name": "ci", "sha256": digest, "user": "ci-bot"}]},
                "routes": [
                    {
                        "name": name,
                        "host": host_of(name),
                        "prefix": "/",
                        "upstream": name,
                        "access": "signed_in",
                    }
                    for name in ports
                ],
            }
        )

    return start


@pytest.mark.parametrize("name", COMMANDS)
async def test_an_app_lets_in_whom_the_gateway_states_and_nobody_else(name, gateway_at, tmp_path):
    address, ports = f"127.0.0.1:{take_free_port()}", ports_of([name])
    issuer = f"http://{address}"
    gateway = gateway_at(address, ports)
    [key] = await keys_of(tmp_path / "data")

    with running(name, ports[name], issuer, tmp_path / name) as app:
        by_key = through(gateway, name)
        direct = app.ask(signed(key, claims_of(issuer)))
        refused = {what: app.ask(*sent) for what, sent in forgeries(key, issuer).items()}
        later = app.ask(signed(key, claims_of(issuer)))

    assert identity_in(by_key) == {"user": "ci-bot", "groups": []}
    assert identity_in(direct) == {"user": "zoë", "groups": ["staff", "admins"]}
    assert {what: answer for what, answer in refused.items() if answer[0] != 401} == {}
    assert identity_in(later) == identity_in(direct)


async def test_every_app_takes_a_new_key_and_the_old_one_beside_it(gateway_at, tmp_path):
    address, ports = f"127.0.0.1:{take_free_port()}", ports_of(list(COMMANDS))
    issuer = f"http://{address}"
    gateway = gateway_at(address, ports)
    with ExitStack() as stack:
        apps = [
            stack.enter_context(running(name, port, issuer, tmp_path / name))
            for name, port in ports.items()
        ]
        for app in apps:
            assert identity_in(through(gateway, app.name))["user"] == "ci-bot"

        gateway.stop()
        new, old = await rotate(tmp_path / "data")
        gateway = gateway_at(address, ports)

        # The apps know the old key alone, and ask again for keys only ten seconds after the last
        # time, be it in vain.
        waiting = {app.name for app in apps}

        def all_take_it():
            for name in list(waiting):
                if through(gateway, name)[0] == 200:
                    waiting.discard(name)
            return not waiting

        await until(all_take_it, 4 * PATIENCE_S)
        for app in apps:
            for key in (new, old):
                assert identity_in(app.ask(signed(key, claims_of(issuer))))["user"] == "zoë"


async def test_a_web_socket_has_an_identity_too(gateway_at, tmp_path):
    address, ports = f"127.0.0.1:{take_free_port()}", ports_of(["fastapi"])
    issuer = f"http://{address}"
    gateway = gateway_at(address, ports)
    [key] = await keys_of(tmp_path / "data")
    bad = forgeries(key, issuer)["another key, same kid"][0]

    with running("fastapi", ports["fastapi"], issuer, tmp_path / "app") as app:
        async with aiohttp.ClientSession() as client:
            url, fields = f"{gateway.base_url}/live", {"Host": host_of("fastapi"), "X-API-Key": KEY}
            async with client.ws_connect(url, headers=fields) as socket:
                assert (await socket.receive_json())["user"] == "ci-bot"
            for fields in ({}, {"Gatepost-Assertion": bad}):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.ws_connect(f"{app.url}/live", headers=fields)
                assert refused.value.status == 401
