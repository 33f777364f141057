"""Limits wrong codes of second factors, over all workers and machines that share the store.

Six digits are few.  Only somebody with the right password gets to try them, so that the limit is
per account, whatever the address: no stranger can lock a user out with it.
"""

import json
from collections.abc import Callable, Sequence
from typing import Literal

from gateway.accounts.records import AccountRecords
from gateway.credentials.password_throttle import TooManyTriesError
from gateway.errors import StoreUnavailableError

_NOTE: Literal["wrong-codes"] = "wrong-codes"
_DAY_S = 86400.0
# Wrong codes, and the seconds in which there may be so many.  Of three codes in a million that are
# right at a time, this leaves 1 in 6,700 a day to somebody who knows the password.
_LIMITS = ((10, 300.0), (50, _DAY_S))
# Each is lost to another try of the same account only, and there are few of those.
_SWAPS = 20


def wait_s(times: Sequence[float], now: float) -> float:
    """Seconds to wait at `now` before another try, after tries at `times`; 0 for none."""
    waits = [
        times[-most] + per_s - now
        for most, per_s in _LIMITS
        if sum(now - at < per_s for at in times) >= most
    ]
    return max(waits, default=0.0)


class CodeTries:
    """Counts tries for an account and its password: a new password begins anew."""

    def __init__(self, records: AccountRecords) -> None:
        self._records = records

    async def take(self, account_id: str, password: str, now: float) -> list[float]:
        """Count a try before it is judged, so that those at once count too; when all were.

        Raises:
            TooManyTriesError: It is not to be judged now.
        """

        def taken(times: list[float]) -> list[float]:
            if (wait := wait_s(times, now)) > 0:
                raise TooManyTriesError(wait)
            return [*times, now]

        return await self._change(account_id, password, now, taken)

    async def give_back(self, account_id: str, password: str, at: float) -> None:
        """The try at `at` was right, or was not judged."""

        def without(times: list[float]) -> list[float]:
            left = list(times)
            if at in left:
                left.remove(at)
            return left

        await self._change(account_id, password, at, without)

    async def _change(
        self,
        account_id: str,
        password: str,
        now: float,
        change: Callable[[list[float]], list[float]],
    ) -> list[float]:
        """Store what `change` makes of the times of the last day, in order."""
        for _ in range(_SWAPS):
            sealed, data = await self._records.note(_NOTE, account_id, password)
            times = sorted(change([at for at in _read(data) if now - at < _DAY_S]))
            if await self._records.swap_note(
                _NOTE,
                account_id,
                password,
                expected=sealed,
                data=json.dumps(times).encode(),
                ttl_s=_DAY_S,
            ):
                return times
        raise StoreUnavailableError("the tries of an account change all the time")


def _read(data: bytes | None) -> list[float]:
    return [] if data is None else list(map(float, json.loads(data)))
