"""`gatepost serve --shadow`: another file decides too, in every worker, and is read again."""

import asyncio
import signal

import pytest
import yaml

from tests.e2e.raw import OK, PUBLIC, admin, ask, behind
from tests.fixtures.network import take_free_port
from tests.patience import until

DENIED = {**PUBLIC, "access": "denied"}


@pytest.fixture
def other(tmp_path):
    """Writes the other file, which needs what no machine of a test has; gives its path."""

    def write(listen, **changes):
        settings = {
            "public_url": f"http://{listen}",
            "upstreams": {"app": "http://127.0.0.1:9"},
            "api_keys": {},
            "secret_file": "/nowhere/secret",
            "store": "redis://127.0.0.1:1",
            "routes": [DENIED],
            **changes,
        }
        path = tmp_path / "other.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    return write


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_difference_is_counted_and_in_the_audit(
    workers, raw_upstream, gateway_process, other
):
    listen = f"127.0.0.1:{take_free_port()}"
    gateway = gateway_process(
        behind(await raw_upstream(OK), server={"listen": listen, "workers": workers}),
        arguments=["--shadow", str(other(listen))],
    )

    await until(lambda: "serving http" in gateway.log())
    assert (await ask(gateway)).status == 200

    event = await asyncio.to_thread(gateway.wait_for_audit, decision="allow")
    assert event["shadow_file"] == {"route": "all", "decision": "deny", "reason": "denied"}
    name = 'gatepost_shadow_differences_total{decision="allow",route="all",shadow="deny"} 1.0'
    assert name in (await admin(gateway, "/metrics")).body.decode()


async def test_the_other_file_is_read_again_and_a_bad_one_changes_nothing(
    raw_upstream, gateway_process, other
):
    listen = f"127.0.0.1:{take_free_port()}"
    path = other(listen)
    gateway = gateway_process(
        behind(await raw_upstream(OK), server={"listen": listen}),
        arguments=["--shadow", str(path)],
    )

    path.write_text("routes: [")
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: "was not reloaded" in gateway.log())
    assert f"{path}:" in gateway.log()
    await ask(gateway, "/first")
    event = await asyncio.to_thread(gateway.wait_for_audit, path="/first")
    assert event["shadow_file"]["decision"] == "deny"

    other(listen, routes=[PUBLIC])
    await until(lambda: "was reloaded" in gateway.log())
    await ask(gateway, "/second")
    event = await asyncio.to_thread(gateway.wait_for_audit, path="/second")
    assert "shadow_file" not in event


def test_a_file_that_is_not_there_is_said_at_the_start(gateway_process):
    with pytest.raises(pytest.fail.Exception, match=r"missing\.yaml: cannot be read"):
        gateway_process(
            {"upstreams": {"app": "http://127.0.0.1:9"}, "api_keys": {}},
            arguments=["--shadow", "missing.yaml"],
        )
