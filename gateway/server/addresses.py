"""Error messages for addresses that the gateway cannot listen on."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.settings.scalars import Address

_MEANINGS = {
    errno.EADDRINUSE: "is in use by another process: stop it, or choose another address",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
    errno.EACCES: "is not allowed for this user (ports below 1024 need CAP_NET_BIND_SERVICE)",
}


@contextmanager
def listening(setting: str, address: Address) -> Iterator[None]:
    """Prefix an OSError raised inside with `setting` and the address, and say what to do.

    Raises:
        OSError: The original error with a clearer message.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        meaning = _MEANINGS.get(error.errno or 0, f"cannot be used: {reason}")
        raise OSError(f"{setting}: {address} {meaning}") from error
