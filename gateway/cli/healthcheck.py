"""`gatepost healthcheck`: asks /healthz of a running gateway; for the image, which has no curl.

Kept to the standard library's small modules, so that it starts in milliseconds.
"""

import os
import re
import socket
import sys

from gateway.cli import whereabouts

_DEFAULT = "127.0.0.1:9090"
_TIMEOUT_S = 3.0
_USAGE = """usage: gatepost healthcheck [HOST:PORT]

Ask /healthz of the gateway's admin listener; exit 0 when it lives, 1 when not.
Without HOST:PORT: GATEPOST_SERVER__ADMIN_LISTEN, else where the gateway of GATEPOST_CONFIG or
./gatepost.yaml answers, else 127.0.0.1:9090.

Example: gatepost healthcheck 127.0.0.1:9090
"""


def main(arguments: list[str]) -> int:
    """Ask the gateway at the address given; the exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(_USAGE)
        return 0
    given = arguments[0] if arguments else os.environ.get("GATEPOST_SERVER__ADMIN_LISTEN", "")
    address = given.strip() or whereabouts.find(os.environ) or _DEFAULT
    try:
        line = _ask(address)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"gatepost healthcheck: {address}: {error}\n")
        return 1
    if not re.fullmatch(rb"HTTP/1\.1 200 .*", line):
        sys.stderr.write(f"gatepost healthcheck: {address}: {line!r}\n")
        return 1
    return 0


def _ask(address: str) -> bytes:
    with _connect(address) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.makefile("rb").readline().rstrip()


def _connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_TIMEOUT_S)
        connection.connect(address.removeprefix("unix:"))
        return connection
    host, _, port = address.rpartition(":")
    # Listening on every address is not an address to connect to.
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "[::]": "::1"}.get(host, host)  # noqa: S104
    return socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S)
