"""Tells systemd, or another service manager, how the gateway is (sd_notify(3))."""

import asyncio
import contextlib
import socket
import time
from collections.abc import MutableMapping

_MICROSECONDS = 1_000_000


class ServiceManager:
    """The service manager that started this process; without one, nothing happens."""

    def __init__(self, environ: MutableMapping[str, str], pid: int) -> None:
        """Take its address from `environ`, so that programs started by this process have none."""
        address = environ.pop("NOTIFY_SOCKET", "")
        # "@" is a name that is no path (unix(7)).
        self._address = "\0" + address[1:] if address.startswith("@") else address
        expected = environ.pop("WATCHDOG_USEC", "")
        is_ours = environ.pop("WATCHDOG_PID", str(pid)) == str(pid)
        self._watchdog_s = (
            int(expected) / _MICROSECONDS if is_ours and expected.isdecimal() else 0.0
        )

    def ready(self, status: str = "") -> None:
        """It serves, with `status` to show, at first or after a reload."""
        self._tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """It reads its configuration again; `ready` follows, whether that succeeds or not."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """It drains."""
        self._tell("STOPPING=1", "STATUS=draining")

    async def report(self) -> None:
        """Report until cancelled that the event loop runs, twice as often as asked for."""
        while self._watchdog_s:
            self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)

    def _tell(self, *lines: str) -> None:
        if self._address:
            # Serving does not depend on being heard.
            with (
                contextlib.suppress(OSError),
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sending,
            ):
                sending.setblocking(False)
                sending.sendto("\n".join(lines).encode(), self._address)
