"""`gatepost healthcheck`: calls /healthz of a running gateway; the image has no curl.

Uses only small modules of the standard library, so that it starts in milliseconds.
"""

import os
import re
import socket
import sys

from gateway.cli import admin_address

_DEFAULT = "127.0.0.1:9090"
_TIMEOUT_S = 3.0
USAGE = """usage: gatepost healthcheck [-c FILE | HOST:PORT]

Ask /healthz of the gateway's admin listener.  Exit 0 if it is alive, 1 if not.
Asks HOST:PORT, else the address in GATEPOST_SERVER__ADMIN_LISTEN, else the one that the running
gateway of FILE recorded, else the one in FILE.  The default FILE is GATEPOST_CONFIG or
./gatepost.yaml; without one, the address is 127.0.0.1:9090.

Examples:
  gatepost healthcheck 127.0.0.1:9090
  gatepost healthcheck -c /etc/gatepost/gatepost.yaml
"""
_USAGE_STATUS = 2
_LAST_PORT = 65535


def main(arguments: list[str]) -> int:
    """Check the gateway at the given address; returns the exit status."""
    if arguments[:1] in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    read = _read(arguments)
    if read is None:
        sys.stderr.write(USAGE)
        return _USAGE_STATUS
    config, address = read
    try:
        address = address or _found(config)
    except (OSError, ValueError) as error:
        return _failed(address, _reason(error))
    why = why_not(address)
    return _failed(address, why) if why else 0


def why_not(address: str) -> str:
    """Why no gateway is alive whose admin listener is at `address`; ``""`` if one is."""
    try:
        line = _ask(address)
    except (OSError, ValueError) as error:
        return _reason(error)
    if not re.fullmatch(rb"HTTP/1\.1 200 .*", line):
        return f"answered {line.decode('latin-1')!a}, not 200"
    return ""


def _failed(address: str, why: str) -> int:
    asked = f"{address}: " if address else ""
    sys.stderr.write(f"gatepost healthcheck: {asked}{why}\n")
    return 1


def _reason(error: OSError | ValueError) -> str:
    """The reason of a failure, without the error number."""
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _read(arguments: list[str]) -> tuple[str, str] | None:
    """The file and address from the arguments, ``""`` if absent; None if they are not valid."""
    config = address = ""
    left = list(arguments)
    while left:
        first = left.pop(0)
        name, equals, value = first.partition("=")
        if first in ("-c", "--config") and left and not config:
            config = left.pop(0)
        elif name == "--config" and equals and value and not config:
            config = value
        elif first.startswith("-") or address:
            return None
        else:
            address = first
    return None if config and address else (config, address.strip())


def _found(config: str) -> str:
    """The address of the gateway of `config`, or of this environment's file if it is ``""``.

    Raises:
        ValueError: The file had to be read, and has errors.
    """
    given = os.environ.get("GATEPOST_SERVER__ADMIN_LISTEN", "").strip()
    if given.startswith("fd:"):  # Only the running gateway knows where that is.
        given = ""
    if given or not config:
        return given or admin_address.find(os.environ) or _DEFAULT
    return admin_address.find_of(config, os.environ) or _configured(config)


def _configured(config: str) -> str:
    # The gateway recorded nothing, so read the file: slow but correct.
    from pathlib import Path

    from gateway.errors import SettingsError
    from gateway.settings.load import load

    try:
        loaded = load(Path(config), os.environ, reads_secrets=False)
    except SettingsError as error:
        raise ValueError(f"{config} cannot be used\n{error}") from error
    return str(loaded.settings.server.admin_listen)


def _ask(address: str) -> bytes:
    with _connect(address) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.makefile("rb").readline().rstrip()


def _connect(address: str) -> socket.socket:
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(_TIMEOUT_S)
        connection.connect(address.removeprefix("unix:").partition("?")[0])
        return connection
    host, _, port = address.rpartition(":")
    if not (port.isascii() and port.isdecimal() and int(port) <= _LAST_PORT):
        raise ValueError("not HOST:PORT")
    # A wildcard address is not one to connect to, so use loopback.
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "[::]": "::1"}.get(host, host)  # noqa: S104
    return socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S)
