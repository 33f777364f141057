"""`listen: fd:NAME`: sockets that systemd opened, and what it is told of the gateway."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.dataplane.harness import Client
from tests.e2e.activated import REQUEST, ask, connect, settings
from tests.e2e.raw import OK
from tests.fixtures.activation import Activated
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate
from tests.fixtures.proxy_headers import header
from tests.patience import soon, until

READY = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"


def children(pid: int) -> list[int]:
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("workers", [1, 3])
async def test_the_gateway_serves_on_every_socket_of_each_name(
    raw_upstream, activate, opened, workers
):
    app = await raw_upstream(OK)
    web, also_web, local, admin = (opened(kind) for kind in ("tcp", "unix", "unix", "tcp"))
    gateway = activate(
        settings(app, ["fd:web", "fd:local"], admin_listen="fd:admin", workers=workers),
        [("web", web), ("admin", admin), ("web", also_web), ("local", local)],
    )
    gateway.wait_for("READY=1")

    for bound in (web, also_web, local):
        for _ in range(4):
            assert (await ask(bound)).body == b"ok"
    assert (await ask(admin, READY)).status == 200
    assert gateway.stop() == 0
    # They are systemd's, which opens them again, or keeps them for the next start.
    assert all(Path(bound.getsockname()).exists() for bound in (also_web, local))
    assert gateway.has_told("STOPPING=1")


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_request_that_comes_before_the_gateway_is_answered(
    raw_upstream, activate, opened, workers
):
    app, web = await raw_upstream(OK), opened("tcp")
    client = await connect(web)
    await client.send(REQUEST)

    gateway = activate(settings(app, "fd:web", workers=workers), [("web", web)])

    assert (await client.response()).body == b"ok"
    client.abort()
    gateway.wait_for("READY=1")
    assert gateway.stop() == 0
    # Nothing is refused between two gateways, either.
    client = await connect(web)
    await client.send(REQUEST)
    activate(settings(app, "fd:web", workers=workers), [("web", web)])
    assert (await client.response()).body == b"ok"
    client.abort()


async def test_systemds_own_launcher_wakes_a_sleeping_gateway(raw_upstream, tmp_path):
    app, port, admin = await raw_upstream(OK), take_free_port(), take_free_port()
    config = tmp_path / "gatepost.yaml"
    server = settings(app, "fd:web", admin_listen="fd:admin")
    config.write_text(dump(with_defaults(server, tmp_path)))
    process = subprocess.Popen(
        [
            require_tool("systemd-socket-activate"),
            *("--listen", f"127.0.0.1:{port}", "--listen", f"127.0.0.1:{admin}"),
            "--fdname=web:admin",
            f"--setenv=PYTHONPATH={os.pathsep.join(sys.path)}",
            *(sys.executable, "-m", "gateway", "serve", "-c", str(config)),
        ],
        cwd=Path(__file__).parents[2],
        env=clean_environment({}),
    )
    try:
        await until(lambda: is_open(port))
        client = Client(*await asyncio.open_connection("127.0.0.1", port))
        assert (await client.ask(REQUEST)).body == b"ok"
        client.abort()
        client = Client(*await asyncio.open_connection("127.0.0.1", admin))
        assert (await client.ask(READY)).status == 200
        client.abort()
    finally:
        terminate(process, "systemd-socket-activate")


def is_open(port: int) -> bool:
    """Whether something listens; without a connection, which would wake the gateway."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(it.split()[1:4:2] == [f"0100007F:{port:04X}", "0A"] for it in lines)


@pytest.mark.parametrize("workers", [1, 2])
async def test_no_child_inherits_more_than_it_serves_on(raw_upstream, activate, opened, workers):
    app = await raw_upstream(OK)
    web, spare, admin = opened("tcp"), opened("tcp"), opened("tcp")
    gateway = activate(
        settings(app, "fd:web", admin_listen="fd:admin", workers=workers),
        [("web", web), ("spare", spare), ("admin", admin)],
    )
    gateway.wait_for("READY=1")

    pid = gateway.process.pid
    assert kept_at_exec(pid) == set()
    assert "the socket spare, which no setting names" in gateway.log()
    workers_there = children(pid)
    assert len(workers_there) == (0 if workers == 1 else workers)
    for worker in workers_there:
        assert kept_at_exec(worker) == set()
        # Those that they do not serve on would keep them open after the gateway gave them up.
        assert listening(worker) == {web.getsockname()[1]}
        environment = Path(f"/proc/{worker}/environ").read_bytes()
        assert b"LISTEN_" not in environment
        assert b"NOTIFY_SOCKET" not in environment


def kept_at_exec(pid: int) -> set[int]:
    """Descriptors of sockets that a program started by this process would inherit."""
    kept = set()
    for file in Path(f"/proc/{pid}/fdinfo").iterdir():
        flags = int(file.read_text().split("flags:")[1].split()[0], 8)
        is_socket = str(Path(f"/proc/{pid}/fd/{file.name}").readlink()).startswith("socket:")
        if is_socket and not flags & os.O_CLOEXEC:
            kept.add(int(file.name))
    return kept


def listening(pid: int) -> set[int]:
    """Ports of the TCP sockets on which this process listens."""
    lines = [it.split() for it in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    ports = {f"socket:[{it[9]}]": int(it[1][9:], 16) for it in lines if it[3] == "0A"}
    fds = [str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir()]
    return {ports[fd] for fd in fds if fd in ports}


async def test_a_worker_that_is_killed_is_replaced_on_the_same_socket(
    raw_upstream, activate, opened
):
    app, web = await raw_upstream(OK), opened("tcp")
    gateway = activate(settings(app, "fd:web", workers=2), [("web", web)])
    gateway.wait_for("READY=1")
    before = children(gateway.process.pid)
    for worker in before:
        os.kill(worker, signal.SIGKILL)

    assert (await ask(web)).body == b"ok"
    assert not set(before) & set(children(gateway.process.pid))


async def test_a_health_check_finds_the_admin_socket(raw_upstream, activate, opened):
    app, web = await raw_upstream(OK), opened("tcp")
    for admin in (opened("tcp"), opened("unix")):
        gateway = activate(
            settings(app, "fd:web", admin_listen="fd:admin"), [("web", web), ("admin", admin)]
        )
        gateway.wait_for("READY=1")
        check = await soon(
            asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "healthcheck"),
                cwd=gateway.config.parent,
                env=clean_environment(
                    {
                        "PYTHONPATH": os.pathsep.join(sys.path),
                        "GATEPOST_SERVER__ADMIN_LISTEN": "fd:admin",
                    }
                ),
            )
        )
        assert await soon(check.wait()) == 0
        gateway.stop()


async def fails(gateway: Activated) -> str:
    """Why it did not start, by its only line."""
    await until(lambda: gateway.process.poll() is not None)
    assert gateway.process.returncode == 2
    (line,) = [it for it in gateway.log().splitlines() if it.startswith("server.")]
    assert not gateway.has_told("READY=1")
    return line


@pytest.mark.parametrize("setting", ["listen", "admin_listen"])
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_socket_that_was_not_passed_is_named_with_those_that_were(
    raw_upstream, activate, opened, setting, workers
):
    app = await raw_upstream(OK)
    wanted = {"listen": "fd:http", setting: "fd:wbe", "workers": workers}
    gateway = activate(
        settings(app, wanted.pop("listen"), **wanted),
        [("web", opened("tcp")), ("http", opened("tcp"))],
    )

    assert await fails(gateway) == (
        f"server.{setting}: fd:wbe: systemd passed no socket of this name (passed: http, web): see"
        " FileDescriptorName= in the .socket unit"
    )


async def test_without_any_socket_it_says_how_to_start(raw_upstream, activate, opened):
    app = await raw_upstream(OK)

    line = await fails(activate(settings(app, "fd:web")))
    assert line.endswith("systemd passed no socket: start the gateway with its .socket unit")
    line = await fails(activate(settings(app, "fd:web"), [("web", opened("tcp"))], pid="1"))
    assert "to process 1, not to this one" in line


async def test_what_is_no_listening_stream_socket_is_refused(raw_upstream, activate, opened):
    app = await raw_upstream(OK)
    one, other = socket.socketpair()
    with (
        tempfile.TemporaryFile() as file,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams,
        one,
        other,
    ):
        for wrong in (file.fileno(), datagrams, one):
            sockets = [("web", opened("tcp")), ("web", wrong)]
            line = await fails(activate(settings(app, "fd:web"), sockets))
            assert line.endswith("use ListenStream= and Accept=no")


async def test_a_header_of_the_proxy_protocol_may_come_first(raw_upstream, activate, opened):
    app, web = await raw_upstream(OK), opened("unix")
    server = {"proxy_protocol": "v2", "trusted_proxies": ["127.0.0.1"]}
    gateway = activate(settings(app, "fd:web", **server), [("web", web)])
    gateway.wait_for("READY=1")
    client = await connect(web)
    await client.send(header("203.0.113.7") + REQUEST)

    assert (await client.response()).body == b"ok"
    client.abort()
    gateway.stop()
    (event,) = [json.loads(it) for it in gateway.log().splitlines() if it.startswith("{")]
    assert event["ip"] == "203.0.113.7"
