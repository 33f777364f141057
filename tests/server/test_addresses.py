"""What a failure to listen is called."""

import errno
import re
import socket

import pytest

from gateway.server.addresses import listening
from gateway.settings.scalars import Address


def test_a_port_that_is_taken_names_the_setting():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = Address("127.0.0.1", taken.getsockname()[1])
        meant = re.escape(f"server.admin_listen: {address} is in use by another process")
        with pytest.raises(OSError, match=meant), listening("server.admin_listen", address):
            socket.create_server((address.host, address.port))


def test_an_address_of_another_machine_is_named():
    address = Address("192.0.2.1", 80)
    with (
        pytest.raises(OSError, match=r"server\.listen: 192\.0\.2\.1:80 is not an address of this"),
        listening("server.listen", address),
        socket.socket() as bound,
    ):
        bound.bind((address.host, 0))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermissionError(errno.EACCES, "x"), "is not allowed for this user"),
        (OSError(errno.ENOSPC, "x"), "cannot be used: No space left on device"),
        (OSError("somebody listens there"), "cannot be used: somebody listens there"),
    ],
)
def test_whatever_fails_is_said(error, expected):
    address = Address("", 0, "/run/x.sock")
    expected = f"server.listen: unix:/run/x.sock {expected}"
    with pytest.raises(OSError, match=expected), listening("server.listen", address):
        raise error
