"""What systemd is told of the gateway, by sd_notify."""

import signal

import pytest

from tests.e2e.activated import REQUEST, ask, connect, settings
from tests.e2e.raw import OK
from tests.fixtures.network import take_free_port


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_reload_keeps_the_sockets_and_is_told(raw_upstream, activate, opened, workers):
    app, web = await raw_upstream(OK), opened("tcp")
    gateway = activate(settings(app, "fd:web", workers=workers), [("web", web)])
    gateway.wait_for("READY=1")
    client = await connect(web)
    assert (await client.ask(REQUEST)).status == 200
    text = gateway.config.read_text()

    gateway.config.write_text(text.replace("access: public", "access: denied"))
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for("READY=1", 2)
    assert [lines[0] for lines in gateway.told] == ["READY=1", "RELOADING=1", "READY=1"]
    assert gateway.told[1][1].startswith("MONOTONIC_USEC=")
    assert (await client.ask(REQUEST)).status == 403
    assert (await ask(web)).status == 403

    gateway.config.write_text("not: [a configuration")
    gateway.process.send_signal(signal.SIGHUP)
    gateway.wait_for("STATUS=the last reload failed")
    assert (await client.ask(REQUEST)).status == 403
    client.abort()


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_watchdog_is_fed(raw_upstream, activate, workers):
    app = await raw_upstream(OK)
    gateway = activate(
        settings(app, f"127.0.0.1:{take_free_port()}", workers=workers),
        env={"WATCHDOG_USEC": "20000"},
    )

    gateway.wait_for("WATCHDOG=1", 5)


async def test_another_processs_watchdog_is_not(raw_upstream, activate):
    app = await raw_upstream(OK)
    gateway = activate(
        settings(app, f"127.0.0.1:{take_free_port()}"),
        env={"WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"},
    )
    gateway.wait_for("READY=1")
    gateway.stop()

    assert not gateway.has_told("WATCHDOG=1")
