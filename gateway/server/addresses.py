"""What a failure to listen is called: by the setting that names the address."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.settings.scalars import Address

_MEANINGS = {
    errno.EADDRINUSE: "is taken by another process: stop that, or choose another address",
    errno.EADDRNOTAVAIL: "is no address of this machine",
    errno.EACCES: "may not be used by this user (ports below 1024 need CAP_NET_BIND_SERVICE)",
}


@contextmanager
def listening(setting: str, address: Address) -> Iterator[None]:
    """Say of an OSError inside which `setting` it is about, and what to do.

    Raises:
        OSError: The same, with another text.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        meaning = _MEANINGS.get(error.errno or 0, f"cannot be listened on: {reason}")
        raise OSError(f"{setting}: {address} {meaning}") from error
