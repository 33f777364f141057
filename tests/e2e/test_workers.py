"""Several workers behind one supervisor."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.dataplane.harness import BrokenBodyError
from tests.e2e.raw import OK, PUBLIC, admin, ask, behind, connect, get
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S, until


def workers(gateway) -> list[int]:
    """The process ids of the workers that run."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (process / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == gateway.process.pid and state != "Z":
            found.append(int(process.name))
    return found


def counted(text: str, name: str) -> float:
    """The sum of a metric over its labels."""
    return sum(float(it) for it in re.findall(rf"^{name}(?:{{.*}})? (.*)$", text, re.MULTILINE))


async def is_ready(gateway) -> bool:
    return (await admin(gateway, "/readyz")).status == 200


def supervised(app, *routes, **settings):
    return behind(app, *routes, server={"workers": 2, "drain_timeout": "2s"}, **settings)


@pytest.fixture
async def pair(raw_upstream, gateway_process):
    """A gateway with two workers that are ready."""
    app = await raw_upstream(OK)
    gateway = gateway_process(supervised(app))
    await until(lambda: is_ready(gateway))
    return gateway


async def test_the_numbers_are_those_of_all_workers(pair):
    for _ in range(20):
        assert (await ask(pair)).body == b"ok"

    text = pair.metrics()
    assert counted(text, "gatepost_requests_total") == 20
    assert counted(text, "gatepost_request_duration_seconds_count") == 20
    assert counted(text, "gatepost_config_last_reload_success") == 1
    assert len(workers(pair)) == 2


async def test_a_worker_that_is_killed_spoils_no_other_connection_and_is_replaced(pair):
    stop = asyncio.Event()
    wrong, answered = [], 0

    async def load():
        nonlocal answered
        while not stop.is_set():
            client = await connect(pair)
            try:
                for _ in range(20):
                    answer = await client.ask(get(pair))
                    if (answer.status, answer.body) != (200, b"ok"):
                        wrong.append(answer)
                    answered += 1
            except (ConnectionError, asyncio.IncompleteReadError, BrokenBodyError):
                pass  # It was on the worker that was killed.
            finally:
                client.writer.transport.abort()

    before = workers(pair)
    tasks = [asyncio.ensure_future(load()) for _ in range(2)]  # noqa: TID251 - held
    await until(lambda: answered > 100)
    os.kill(before[0], signal.SIGKILL)
    await until(lambda: before[0] not in workers(pair))
    await until(lambda: is_ready(pair))
    at = answered
    await until(lambda: answered > at + 100)
    stop.set()
    await asyncio.gather(*tasks)

    assert not wrong
    assert len(workers(pair)) == 2
    assert f"worker {before[0]} ended by SIGKILL" in pair.log()


async def test_counters_do_not_fall_when_a_worker_ends(pair):
    for _ in range(20):
        await ask(pair)
    assert counted(pair.metrics(), "gatepost_requests_total") == 20

    for worker in workers(pair):
        os.kill(worker, signal.SIGKILL)
    await until(lambda: not is_gone(pair) and len(workers(pair)) == 2)
    await until(lambda: is_ready(pair))

    assert counted(pair.metrics(), "gatepost_requests_total") == 20


def is_gone(gateway) -> bool:
    return gateway.process.poll() is not None


async def test_a_worker_that_hangs_makes_the_gateway_unready_and_numbers_still_come(pair):
    for _ in range(10):
        await ask(pair)
    assert counted(pair.metrics(), "gatepost_requests_total") == 10
    stuck = workers(pair)[0]

    os.kill(stuck, signal.SIGSTOP)
    try:
        ready = await admin(pair, "/readyz")
        assert (ready.status, ready.body) == (503, b"worker-silent\n")
        assert (await admin(pair, "/healthz")).status == 200
        text = (await admin(pair, "/metrics")).body.decode()
        assert counted(text, "gatepost_requests_total") == 10
    finally:
        os.kill(stuck, signal.SIGCONT)
    await until(lambda: is_ready(pair))


async def test_workers_end_with_their_supervisor(pair):
    before = workers(pair)

    pair.process.kill()
    pair.process.wait()

    await until(lambda: not any(Path(f"/proc/{worker}").exists() for worker in before))


async def test_sigterm_drains_every_worker(raw_upstream, gateway_process):
    asked, go = asyncio.Semaphore(0), asyncio.Event()

    async def slow(connection):
        while await connection.read_head():
            asked.release()
            await go.wait()
            await connection.send(OK)

    gateway = gateway_process(supervised(await raw_upstream(slow)))
    await until(lambda: is_ready(gateway))
    clients = [await connect(gateway) for _ in range(8)]
    for client in clients:
        await client.send(get(gateway))
        await asked.acquire()

    gateway.process.send_signal(signal.SIGTERM)
    await until(lambda: "draining" in gateway.log())
    go.set()

    for client in clients:
        answer = await client.response()
        assert (answer.status, answer.body) == (200, b"ok")
        client.writer.close()
    assert await asyncio.to_thread(gateway.process.wait, PATIENCE_S) == 0


async def test_all_workers_count_one_rate_and_reload_together(raw_upstream, gateway_process):
    app = await raw_upstream(OK)
    limited = {**PUBLIC, "rate_limit": {"requests": 5, "per": "1h", "by": "ip"}}
    gateway = gateway_process(supervised(app, limited))
    await until(lambda: is_ready(gateway))

    statuses = [(await ask(gateway)).status for _ in range(20)]
    assert statuses == [200] * 5 + [429] * 15

    settings = yaml.safe_load(gateway.config_path.read_text())
    settings["routes"] = [{**PUBLIC, "access": "denied"}]
    gateway.config_path.write_text(dump(settings))
    gateway.process.send_signal(signal.SIGHUP)
    await until(lambda: "was reloaded" in gateway.log())
    assert {(await ask(gateway)).status for _ in range(10)} == {403}

    gateway.config_path.write_text("nonsense: 1\n")
    os.kill(workers(gateway)[0], signal.SIGKILL)
    await until(lambda: "was not reloaded" in gateway.log())
    await until(lambda: is_ready(gateway))
    assert {(await ask(gateway)).status for _ in range(10)} == {403}
    assert counted(gateway.metrics(), "gatepost_config_last_reload_success") == 0


async def test_a_unix_socket_is_shared(raw_upstream, gateway_process, tmp_path):
    app = await raw_upstream(OK)
    path = tmp_path / "g.sock"
    listen = [f"127.0.0.1:{take_free_port()}", f"unix:{path}"]
    gateway = gateway_process(
        {
            **behind(app, public_url="http://app.test"),
            "server": {"workers": 2, "drain_timeout": "1s", "listen": listen},
        }
    )
    await until(lambda: is_ready(gateway))

    for _ in range(10):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET / HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"\r\n\r\nok")
        writer.close()
    gateway.stop()

    assert not path.exists()


def refused(tmp_path, settings) -> subprocess.CompletedProcess[str]:
    """`gatepost serve` that ends by itself."""
    file = tmp_path / "gatepost.yaml"
    file.write_text(dump(with_defaults(settings, tmp_path)))
    return subprocess.run(
        [sys.executable, "-m", "gateway", "serve", "-c", str(file)],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )


class App:
    url = "http://127.0.0.1:9"


def test_what_fails_at_the_start_is_said_once(tmp_path):
    (tmp_path / "data").write_text("a file where a directory should be")

    ended = refused(tmp_path, supervised(App))

    assert ended.returncode in (1, 2)
    lines = [line for line in ended.stderr.splitlines() if "data" in line]
    assert len(lines) == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("setting", ["listen", "admin_listen"])
async def test_a_port_that_is_taken_is_not_shared_with_a_stranger(
    raw_upstream, tmp_path, setting, workers
):
    taken = await raw_upstream(OK)
    settings = supervised(taken)
    settings["server"] |= {setting: f"127.0.0.1:{taken.port}", "workers": workers}

    ended = await asyncio.to_thread(refused, tmp_path, settings)

    assert ended.returncode == 1
    assert f"cannot start: server.{setting}: 127.0.0.1:{taken.port} is in use" in ended.stderr


def test_a_store_in_memory_cannot_be_shared(tmp_path):
    ended = refused(tmp_path, supervised(App, store="memory"))

    assert ended.returncode == 2
    assert re.search(r"gatepost\.yaml:[0-9]+:[0-9]+: server\.workers: store: memory", ended.stderr)
