"""`gatepost healthcheck`: finds the gateway, asks it, and imports little."""

import asyncio
import os
import subprocess
import sys

import pytest

from gateway.assembly.worker import Gateway
from gateway.cli import admin_address
from gateway.settings.load import load
from tests.e2e.raw import OK, behind
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import take_free_port


def check(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "gateway", "healthcheck", *arguments],
        cwd=cwd,
        env=clean_environment({"PYTHONPATH": os.getcwd(), **environment}),  # noqa: PTH109
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """A directory of the user's own."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(directory))
    return directory


async def test_it_finds_the_gateway_of_a_configuration(
    raw_upstream, gateway_process, runtime, tmp_path
):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    home, config = gateway.config_path.parent, str(gateway.config_path)
    ways = [
        check(cwd=home),
        check(cwd=tmp_path, GATEPOST_CONFIG=config),
        check(cwd=tmp_path, GATEPOST_DATA_DIR=str(home / "data")),
        check(gateway.admin_url.removeprefix("http://"), cwd=tmp_path),
    ]
    gateway.config_path.write_text("not: [a configuration")
    ways.append(check(cwd=home))

    assert [it.returncode for it in ways] == [0] * 5
    gateway.stop()
    # Not at the default address, where this machine may run another one.
    assert check(cwd=home, GATEPOST_SERVER__ADMIN_LISTEN="127.0.0.1:1").returncode == 1
    assert not list(runtime.glob("gatepost/*"))


async def test_a_file_may_be_given(raw_upstream, gateway_process, runtime, tmp_path):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    config = str(gateway.config_path)
    for arguments in (["-c", config], ["--config", config], [f"--config={config}"]):
        assert check(*arguments, cwd=tmp_path).returncode == 0

    # Where it could leave no address, the file says which.
    for left in runtime.glob("gatepost/*"):
        left.unlink()
    assert check("-c", config, cwd=tmp_path).returncode == 0
    gateway.stop()
    ended = check("-c", config, cwd=tmp_path)
    assert ended.returncode == 1
    assert gateway.admin_url.removeprefix("http://") in ended.stderr


async def test_a_socket_with_a_mode_is_asked(raw_upstream, runtime, tmp_path):
    at = f"unix:{tmp_path / 'admin.sock'}?mode=0600"
    server = {"listen": f"127.0.0.1:{take_free_port()}", "admin_listen": at}
    config = tmp_path / "gatepost.yaml"
    settings = behind(await raw_upstream(OK), server=server)
    config.write_text(dump(with_defaults(settings, tmp_path)))
    gateway = Gateway(load(config, {}).settings)
    await gateway.start()

    found = await asyncio.to_thread(check, "-c", str(config), cwd=tmp_path)

    await gateway.stop()
    assert (found.returncode, found.stderr) == (0, "")


async def test_the_gateway_of_another_file_is_not_asked(
    raw_upstream, gateway_process, runtime, tmp_path
):
    gateway = gateway_process(behind(await raw_upstream(OK)))
    other = tmp_path / "other.yaml"
    other.write_text("public_url: [")

    # In ./data is what the one that runs has left.
    found = check("-c", str(other), cwd=gateway.config_path.parent)

    assert found.returncode == 1
    assert "other.yaml cannot be used" in found.stderr


@pytest.mark.parametrize(
    "arguments",
    [["-c"], ["-x"], ["-c", "a", "-c", "b"], ["127.0.0.1:1", "127.0.0.1:2"], ["--config="]],
)
def test_what_it_does_not_know_is_no_address(tmp_path, arguments):
    found = check(*arguments, cwd=tmp_path)

    assert found.returncode == 2
    assert found.stderr.startswith("usage: gatepost healthcheck [-c FILE | HOST:PORT]")


def test_without_a_gateway_it_fails_and_says_where_it_asked(runtime, tmp_path):
    found = check(cwd=tmp_path, GATEPOST_SERVER__ADMIN_LISTEN="127.0.0.1:1")

    assert found.returncode == 1
    assert found.stderr == "gatepost healthcheck: 127.0.0.1:1: Connection refused\n"


async def test_another_answer_is_quoted_as_text(raw_upstream, tmp_path):
    other = await raw_upstream(b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n")
    address = other.url.removeprefix("http://")
    found = await asyncio.to_thread(check, address, cwd=tmp_path)

    assert found.returncode == 1
    said = f"{address}: answered 'HTTP/1.1 421 Misdirected Request', not 200"
    assert found.stderr == f"gatepost healthcheck: {said}\n"


@pytest.mark.parametrize("address", ["localhost", "localhost:http", "127.0.0.1:65536", ":-1"])
def test_an_address_without_a_port_is_named(tmp_path, address):
    found = check(address, cwd=tmp_path)

    assert found.returncode == 1
    assert found.stderr == f"gatepost healthcheck: {address}: not HOST:PORT\n"


def test_a_file_that_is_missing_is_named(runtime, tmp_path):
    found = check("-c", "none.yaml", cwd=tmp_path)

    assert found.returncode == 1
    assert found.stderr.startswith("gatepost healthcheck: none.yaml cannot be used\n")


def test_it_imports_nothing_slow():
    code = "import sys, gateway.cli.healthcheck; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"asyncio", "click", "pydantic", "yaml", "pathlib", "orjson"} & set(loaded)


def test_a_directory_others_can_write_to_is_not_believed(runtime, tmp_path):
    config = str(tmp_path / "gatepost.yaml")
    data_dir = str(tmp_path / "nowhere")
    places = admin_address.leave("127.0.0.1:1", data_dir, config)
    environ = {"GATEPOST_CONFIG": config, "GATEPOST_DATA_DIR": data_dir}
    assert len(places) == 1
    assert admin_address.find(environ) == "127.0.0.1:1"

    (runtime / "gatepost").chmod(0o777)

    assert admin_address.find(environ) is None
    assert admin_address.leave("127.0.0.1:1", data_dir, config) == []
