"""Hashes passwords with Argon2id (RFC 9106), in threads of their own."""

import asyncio
import math
import os
import random
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gateway.credentials.old_hashes import is_old, is_right
from gateway.credentials.password_cost import cost_s, is_to_renew, make_up, measured_hasher
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_T = TypeVar("_T")

# Each takes 64 MiB while it runs: RFC 9106, section 4, the recommendation for less memory.
AT_ONCE = 2
_MOST_WAITING = 32
# A wrong password is told at multiples of this many times what a hash costs.
_STEP = 4
# Both hashes with their lanes weigh about a quarter of one other thread (sched(7), "nice value"):
# it goes first, and sign-ins do not starve.
_NICENESS = 15
_chance = random.SystemRandom()


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
    request, but not the thread, which still has its memory.  They have less priority than the
    thread that proxies requests.

    Attributes:
        verified: How many passwords were compared with a hash.
    """

    def __init__(
        self,
        hasher: "Callable[[], PasswordHasher]" = measured_hasher,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Use the parameters of `hasher`, which is called once, in a thread."""
        self._make = hasher
        self._pause = pause
        self._hasher: PasswordHasher | None = None
        self._decoy = ""
        self._step_s = 0.0
        self._threads = ThreadPoolExecutor(
            AT_ONCE, thread_name_prefix="password", initializer=_yield_to_others
        )
        self._making = threading.Lock()
        self._running = 0
        self.verified = 0

    def warm(self) -> None:
        """Measure in the background what hashes may cost here, before the first sign-in."""
        self._threads.submit(self._ready)

    async def hash(self, password: str) -> str:
        """The hash of `password`, with its parameters and salt.

        Raises:
            PasswordsBusyError: Too many wait.
        """
        return await self.run(lambda: self._ready().hash(password))

    async def verify(self, known: str | None, password: str, typed: str = "") -> Verdict:
        """Whether `known` is the hash of `password`; as much work, and never right, for None.

        Other software hashed what was `typed`, and not the normalised `password`: its hashes are
        compared with both.

        Raises:
            PasswordsBusyError: Too many wait.
        """
        return await self.run(lambda: self._verify(known, password, typed))

    async def delay_failure(self, began: float) -> None:
        """Wait before a sign-in that began at `began` (of `time.perf_counter`) is said to fail.

        It fails at the next of few moments, so that the time does not tell whether there is such an
        account, nor what its hash costs.

        Raises:
            PasswordsBusyError: Too many wait for the first measurement.
        """
        if self._hasher is None:
            # Whoever needed no hash would be told at once for as long as this takes.
            await self.run(self._ready)
        took_s, step_s = time.perf_counter() - began, self._step_s
        if step_s:
            wait_s = math.ceil(took_s / step_s) * step_s - took_s
            # Timers have a resolution of a millisecond: chance hides what is left of the time.
            await self._pause(wait_s + _chance.uniform(0, step_s / 4))

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
        with self._making:
            if self._hasher is None:
                hasher = self._make()
                # Nobody knows the password of this one.
                self._decoy = hasher.hash(b"\x00" * 32)
                self._step_s = _STEP * cost_s(hasher)
                self._hasher = hasher
            return self._hasher

    def _verify(self, known: str | None, password: str, typed: str) -> Verdict:
        hasher = self._ready()
        self.verified += 1
        # For nobody, the same is done with a hash of which nobody knows the password.
        hashed = known or self._decoy
        is_outdated = is_old(hashed) or is_to_renew(hashed, hasher)
        # Ours are of what was normalised only.
        tried = (password, typed) if is_outdated and typed not in ("", password) else (password,)
        if any(_matches(hasher, hashed, it) for it in tried):
            return Verdict(known is not None, known is not None and is_outdated)
        if not is_old(hashed):
            make_up(hashed, hasher)
        return Verdict(is_right=False)


def _matches(hasher: "PasswordHasher", known: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    if is_old(known):
        return is_right(known, password)
    try:
        return hasher.verify(known, password)
    except (VerificationError, InvalidHashError):
        return False


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)


def _yield_to_others() -> None:
    """Give this thread, and those that Argon2 starts from it, less priority."""
    # On Linux priorities are those of threads (setpriority(2), "C library/kernel differences").
    with suppress(OSError, AttributeError):
        which = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, which)
        os.setpriority(os.PRIO_PROCESS, which, now + _NICENESS)
