"""`gatepost demo` where it cannot run."""

import socket
from contextlib import closing

from click.testing import CliRunner

from gateway.cli.demo import demo_command


def test_a_port_that_is_taken_is_a_clear_error() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(demo_command, ["--port", str(port)])

    assert result.exit_code == 1
    assert result.output == f"Error: port {port} is taken: choose another with --port\n"
