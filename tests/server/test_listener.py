import os
import socket
import stat
from pathlib import Path

import pytest

from gateway.server.listener import bind_unix
from gateway.settings.schema import Address
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


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request):
    """What the service manager may have set."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666])
@pytest.mark.parametrize("setting", ["listen", "admin_listen"])
async def test_the_permissions_of_a_unix_socket_are_a_setting(tmp_path, umask, setting, mode):
    path = tmp_path / "g.sock"
    changes = {**CHANGES, "server": {setting: f"unix:{path}?mode={mode:04o}"}}
    running = await start_gateway(tmp_path, changes)
    try:
        assert stat.S_IMODE(path.stat().st_mode) == mode
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    finally:
        await running.gateway.stop()
    assert not path.exists()


def test_they_are_never_wider_than_they_are_to_be(tmp_path, umask, monkeypatch):
    at_first = []
    monkeypatch.setattr(
        Path, "chmod", lambda path, mode: at_first.append(stat.S_IMODE(path.stat().st_mode))
    )

    bind_unix(Address("", 0, str(tmp_path / "s"), 0o660)).close()

    assert at_first == [0o660 & ~umask]


def test_without_the_setting_they_are_those_of_any_new_socket(tmp_path, umask):
    path = tmp_path / "s"
    bind_unix(Address("", 0, str(path))).close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o777 & ~umask


def test_a_socket_nobody_listens_on_is_replaced(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))

    with bind_unix(Address("", 0, str(path))) as bound:
        assert bound.getsockname() == str(path)


def test_a_socket_somebody_listens_on_stays(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()

        with pytest.raises(OSError, match="in use"):
            bind_unix(Address("", 0, str(path)))
        assert path.exists()


@pytest.mark.parametrize("make", ["touch", "mkdir"])
def test_what_is_no_socket_is_never_removed(tmp_path, make):
    path = tmp_path / "s"
    getattr(path, make)()

    with pytest.raises(OSError, match="in use"):
        bind_unix(Address("", 0, str(path)))
    assert path.exists()
