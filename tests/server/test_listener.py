import socket

import pytest

from gateway.server.listener import _remove_stale_socket
from tests.dataplane.harness import start_gateway

CHANGES = {"upstreams": {"app": "http://127.0.0.1:9"}}


async def test_a_unix_socket_is_listened_on(tmp_path):
    path = tmp_path / "g.sock"
    running = await start_gateway(tmp_path, {**CHANGES, "server": {"listen": f"unix:{path}"}})
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    finally:
        await running.gateway.stop()


def test_a_socket_nobody_listens_on_is_removed(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    _remove_stale_socket(path)
    assert not path.exists()


def test_a_socket_somebody_listens_on_stays(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        _remove_stale_socket(path)
        assert path.exists()


@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_what_is_no_socket_is_never_removed(tmp_path, make):
    path = tmp_path / "s"
    getattr(path, make)()

    _remove_stale_socket(path)
    assert path.exists()
