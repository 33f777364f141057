"""Hashes passwords with Argon2id (RFC 9106), in threads of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gateway.errors import GatewayError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_T = TypeVar("_T")

# Each takes 64 MiB while it runs: RFC 9106, section 4, the recommendation for less memory.
AT_ONCE = 2
_MOST_WAITING = 32


class PasswordsBusyError(GatewayError):
    """More passwords are being checked than the gateway takes on at once."""

    reason = "passwords-busy"
    status = 503


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a password is right, and whether its hash has weaker parameters than today's."""

    is_right: bool
    is_outdated: bool = False


class PasswordHashes:
    """Makes and verifies hashes, two at once; 32 more wait.

    The threads are the limit, not a semaphore around them: a client that goes away cancels its
    request, but not the thread, which still has its memory.

    Attributes:
        verified: How many passwords were compared with a hash.
    """

    def __init__(self, hasher: "Callable[[], PasswordHasher] | None" = None) -> None:
        """Use the parameters of RFC 9106 unless `hasher` gives others."""
        self._make = hasher or _hasher
        self._hasher: PasswordHasher | None = None
        self._decoy = ""
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="password")
        self._running = 0
        self.verified = 0

    async def hash(self, password: str) -> str:
        """The hash of `password`, with its parameters and salt.

        Raises:
            PasswordsBusyError: Too many wait.
        """
        return await self.run(lambda: self._ready().hash(password))

    async def verify(self, known: str | None, password: str) -> Verdict:
        """Whether `known` is the hash of `password`; as much work, and never right, for None.

        Raises:
            PasswordsBusyError: Too many wait.
        """
        return await self.run(lambda: self._verify(known, password))

    def close(self) -> None:
        """Start nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Do costly `work` about a password in one of the few threads.

        Raises:
            PasswordsBusyError: Too many wait.
        """
        if self._running >= AT_ONCE + _MOST_WAITING:
            raise PasswordsBusyError(f"{self._running} passwords are being checked")
        self._running += 1
        loop = asyncio.get_running_loop()
        running = self._threads.submit(work)
        running.add_done_callback(lambda _: _call_soon(loop, self._ended))
        return await asyncio.wrap_future(running)

    def _ended(self) -> None:
        self._running -= 1

    def _ready(self) -> "PasswordHasher":
        if self._hasher is None:
            hasher = self._make()
            # Nobody knows the password of this one.
            self._decoy = hasher.hash(b"\x00" * 32)
            self._hasher = hasher
        return self._hasher

    def _verify(self, known: str | None, password: str) -> Verdict:
        from argon2.exceptions import InvalidHashError, VerificationError

        hasher = self._ready()
        self.verified += 1
        try:
            hasher.verify(known or self._decoy, password)
        except (VerificationError, InvalidHashError):
            return Verdict(is_right=False)
        return Verdict(known is not None, known is not None and hasher.check_needs_rehash(known))


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)


def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
