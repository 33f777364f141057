"""SIGTERM: what is under way ends, and nothing new begins."""

import asyncio
import signal

import pytest

from tests.e2e.raw import OK, admin, behind, connect, get
from tests.patience import PATIENCE_S, until


@pytest.fixture
async def slow_app(raw_upstream):
    """An app that answers when it is told to; how many requests it was asked."""
    asked, go = asyncio.Semaphore(0), asyncio.Event()

    async def slow(connection):
        while head := await connection.read_head():
            asked.release()
            if b"/slow" in head:
                await go.wait()
            await connection.send(OK)

    return await raw_upstream(slow), asked, go


async def test_a_slow_request_ends_idle_connections_close_and_no_new_one_is_taken(
    slow_app, gateway_process
):
    app, asked, go = slow_app
    gateway = gateway_process(behind(app, server={"drain_timeout": "20s"}))
    idle, busy = await connect(gateway), await connect(gateway)
    assert (await idle.ask(get(gateway))).status == 200
    await busy.send(get(gateway, "/slow"))
    await asked.acquire()
    await asked.acquire()

    gateway.process.send_signal(signal.SIGTERM)

    assert await idle.rest() == b""
    with pytest.raises(ConnectionError):
        await connect(gateway)
    ready = await admin(gateway, "/readyz")
    assert (ready.status, ready.body) == (503, b"shutting-down\n")
    assert (await admin(gateway, "/healthz")).status == 200
    go.set()
    answer = await busy.response()
    assert (answer.status, answer.body, answer.closes) == (200, b"ok", True)
    assert await asyncio.to_thread(gateway.process.wait, PATIENCE_S) == 0
    busy.writer.close()
    idle.writer.close()


async def test_what_takes_longer_than_the_time_out_is_cut_off(slow_app, gateway_process):
    app, asked, _ = slow_app
    gateway = gateway_process(behind(app, server={"drain_timeout": "100ms"}))
    busy = await connect(gateway)
    await busy.send(get(gateway, "/slow"))
    await asked.acquire()

    gateway.process.send_signal(signal.SIGTERM)

    assert await busy.rest() == b""
    assert await asyncio.to_thread(gateway.process.wait, PATIENCE_S) == 0
    assert "did not end in time" in gateway.log()
    busy.writer.close()


async def test_the_last_lines_of_the_audit_are_written(slow_app, gateway_process, tmp_path):
    app, asked, go = slow_app
    audit = tmp_path / "audit.log"
    gateway = gateway_process(behind(app, audit={"file": str(audit)}))
    busy = await connect(gateway)
    await busy.send(get(gateway, "/slow"))
    await asked.acquire()
    gateway.process.send_signal(signal.SIGTERM)
    await until(lambda: "draining" in gateway.log())

    go.set()
    await busy.response()
    await asyncio.to_thread(gateway.process.wait, PATIENCE_S)

    assert b'"path":"/slow"' in audit.read_bytes()
    busy.writer.close()
