"""`gatepost demo` where it cannot run, and where it is killed."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.demo import demo_command
from tests.fixtures.network import take_free_port
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("options", [[], ["--standalone"]])
def test_a_port_that_is_taken_is_a_clear_error(options: list[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(demo_command, ["--port", str(port), *options])

    assert result.exit_code == 1
    assert (
        result.output
        == f"Error: port {port} is taken: choose another with --port, or PORT= for make\n"
    )


@contextmanager
def started(options: list[str], inside: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A demo that runs, and the directory that it made `inside` another."""
    port = str(take_free_port())
    command = [sys.executable, "-m", "gateway", "demo", "--port", port, *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(inside)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        guide = iter(process.stdout.readline, "")
        told = next(line for line in guide if "The configuration is" in line)
        [path] = re.findall(r"/\S+gatepost\.yaml", told)
        yield process, Path(path).parent


@pytest.mark.parametrize("options", [[], ["--standalone"]])
def test_a_demo_that_is_killed_leaves_no_process_behind(options: list[str], tmp_path: Path) -> None:
    with started(options, tmp_path) as (process, _):
        process.kill()

        # Every process of the demo writes here: the end comes when the last of them has ended.
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_stopped_leaves_no_file_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    with started([], tmp_path) as (process, directory):
        assert directory.is_dir()
        process.send_signal(number)

        process.communicate(timeout=PATIENCE_S)

    assert not directory.exists()
