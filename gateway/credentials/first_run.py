"""The first run: whether there is an administrator yet, and the token to become the first one."""

import hmac
import json
import secrets
from collections.abc import Mapping
from typing import Literal

from gateway.accounts.records import AccountRecords
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.storage.store import Clock

_KIND: Literal["first-run"] = "first-run"
_TOKEN_BYTES = 16
# Between claiming and finishing lie a few writes to the store.  A process that dies there must not
# leave a gateway that nobody can set up.
_CLAIMED_S = 60.0
_ATTEMPTS = 20


class AlreadySetUpError(GatewayError):
    """There is an administrator, or somebody else is becoming it at this moment."""

    reason = "no-route"
    status = 404


class WrongSetupTokenError(GatewayError):
    """The token is not the one in the log."""

    reason = "wrong-setup-token"
    status = 403


class FirstRun:
    """One record in the store decides for all workers and machines.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, records: AccountRecords, clock: Clock) -> None:
        self._records = records
        self._clock = clock
        self._is_over = False

    async def token(self) -> str | None:
        """The setup token, made now if there is none; None once there is an administrator."""
        for _ in range(_ATTEMPTS):
            sealed, state = await self._read()
            if state is not None:
                return None if self._is_over else str(state["token"])
            token = secrets.token_hex(_TOKEN_BYTES)
            await self._swap(sealed, {"token": token, "claimed_until": 0.0, "done": False})
        raise StoreUnavailableError("the setup token was not kept")

    async def is_open(self) -> bool:
        """Whether the first administrator may be made; writes nothing."""
        return self._may_claim((await self._read())[1])

    async def check(self, token: str) -> bytes:
        """What `claim` needs.

        Raises:
            AlreadySetUpError: Nobody can become the first administrator any more.
            WrongSetupTokenError: The token is wrong.
        """
        sealed, state = await self._read()
        if sealed is None or state is None or not self._may_claim(state):
            raise AlreadySetUpError("there is an administrator")
        if not hmac.compare_digest(str(state["token"]).encode(), token.encode("utf-8", "replace")):
            raise WrongSetupTokenError("the setup token is wrong")
        return sealed

    async def claim(self, checked: bytes, token: str) -> bytes:
        """Reserve the place of the first administrator; pass the result to `finish`.

        Raises:
            AlreadySetUpError: Another was faster, on whatever worker or machine.
        """
        until = self._clock() + _CLAIMED_S
        if not await self._swap(checked, {"token": token, "claimed_until": until, "done": False}):
            raise AlreadySetUpError("another was faster")
        claimed, state = await self._read()
        if claimed is None or state is None or state["claimed_until"] != until:
            raise AlreadySetUpError("another was faster")
        return claimed

    async def finish(self, claimed: bytes) -> None:
        """There is an administrator from now on.

        Raises:
            AlreadySetUpError: The claim took too long, and another has the place.
        """
        if not await self._swap(claimed, {"token": "", "claimed_until": 0.0, "done": True}):
            raise AlreadySetUpError("another was faster")
        self._is_over = True

    async def give_up(self, claimed: bytes, token: str) -> None:
        """Undo a claim."""
        await self._swap(claimed, {"token": token, "claimed_until": 0.0, "done": False})

    async def close(self) -> None:
        """There is an administrator from now on, made in another way."""
        for _ in range(_ATTEMPTS):
            sealed, _ = await self._read()
            if self._is_over or await self._swap(
                sealed, {"token": "", "claimed_until": 0.0, "done": True}
            ):
                return
        raise StoreUnavailableError("the setup was not closed")

    async def _read(self) -> tuple[bytes | None, Mapping[str, object] | None]:
        if self._is_over:  # It never opens again, so the store need not be asked.
            return None, {"token": "", "claimed_until": 0.0, "done": True}
        sealed, data = await self._records.note(_KIND)
        state = None if data is None else json.loads(data)
        if state is not None and state["done"] is not False:
            self._is_over = True
        return sealed, state

    def _may_claim(self, state: Mapping[str, object] | None) -> bool:
        if state is None or self._is_over:
            return False
        until = state["claimed_until"]
        return isinstance(until, float) and not 0 < until - self._clock() <= 2 * _CLAIMED_S

    async def _swap(self, expected: bytes | None, state: Mapping[str, object]) -> bool:
        data = json.dumps(state).encode()
        return await self._records.swap_note(_KIND, expected=expected, data=data)
