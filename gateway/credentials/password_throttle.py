"""Limits wrong passwords: per address, per user name and address, and per user name."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from hashlib import sha256

from gateway.accounts.owner import fold_user
from gateway.credentials.throttle import Throttle, network_of
from gateway.errors import GatewayError

_SLOWED_S = 2.0
# A person signs in once at a time.  Right passwords are not counted, so that without this limit
# whoever knows one could have all of the few threads that check passwords, for good.
_MOST_AT_ONCE = 5
_BUSY_S = 1.0


class WrongPasswordError(GatewayError):
    """No account has this user name with this password."""

    reason = "wrong-password"
    status = 401


class TooManyTriesError(GatewayError):
    """Too many passwords were wrong; `wait_s` is in seconds."""

    reason = "credential-throttled"
    status = 429

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"wait {wait_s:.0f} s")
        self.wait_s = wait_s


class PasswordThrottle:
    """Counts failures only, for names that exist and names that do not alike.

    An address may fail 30 times, then once every two seconds; with one user name 10 times, then
    once every 30 seconds, and five tries of both may be under way.  Failures of one user name from
    everywhere only slow its next tries: a stranger who could lock a name would shut out its owner.
    """

    def __init__(self, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Slow with `pause`."""
        self._by_address = Throttle(30, 60.0)
        self._by_both = Throttle(10, 300.0)
        self._by_name = Throttle(50, 3600.0)
        self._pause = pause
        self._under_way: Counter[str] = Counter()

    @asynccontextmanager
    async def attempt(self, user: str, client: str, now: float) -> AsyncIterator[None]:
        """A try for `user` from the address `client`; failed if WrongPasswordError is raised.

        Raises:
            TooManyTriesError: It is not to be tried now.
        """
        # Spellings of one name share a counter, and a name of any length takes no more memory.
        name = sha256(fold_user(user[:1000]).encode("utf-8", "surrogatepass")).hexdigest()
        both = f"{network_of(client)} {name}"
        wait_s = max(self._by_address.wait_s(client, now), self._by_both.wait_s(both, now))
        if wait_s or self._under_way[both] >= _MOST_AT_ONCE:
            raise TooManyTriesError(wait_s or _BUSY_S)
        taken = [
            (throttle, key)
            for throttle, key in (
                (self._by_address, client),
                (self._by_both, both),
                (self._by_name, name),
            )
            if not throttle.take(key, now)
        ]
        try:
            with self._counted(both):
                if (self._by_name, name) not in taken:
                    await self._pause(_SLOWED_S)
                yield
        except (WrongPasswordError, asyncio.CancelledError):
            raise  # A client that leaves before the answer has tried too.
        except BaseException:
            _give_back(taken)
            raise
        else:
            _give_back(taken)

    @contextmanager
    def _counted(self, both: str) -> Iterator[None]:
        self._under_way[both] += 1
        try:
            yield
        finally:
            self._under_way[both] -= 1
            if not self._under_way[both]:
                del self._under_way[both]


def _give_back(taken: list[tuple[Throttle, str]]) -> None:
    for throttle, key in taken:
        throttle.give_back(key)
