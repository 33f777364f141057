"""Sign-ins that a person completes on another device (RFC 8628), in the store.

The device has the device code.  The person has the user code, which leads to the same record.  The
record is sealed, and both codes are stored as digests only.
"""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Literal

from gateway.authserver.grant import Grant, decode_grant, encode_grant
from gateway.authserver.user_code import new_user_code
from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import RandomBytes, Sealer
from gateway.storage.store import Clock, Store

LIFETIME_S = 600
# RFC 8628, section 3.5: the interval grows by five seconds with each `slow_down`.
INTERVAL_S, _SLOWER_S = 5, 5
_LONGEST_INTERVAL_S = 60
# Networks deliver a poll early or late.
_EARLY_S = 0.5
# Afterwards too, the device is told that its code has expired or was used.
_KEPT_S = 2 * LIFETIME_S
_CODE_BYTES = 32
_PREFIX = "gp_dc_"
_ATTEMPTS = 5
_PURPOSE, _POINTER_PURPOSE, _POLL_PURPOSE = "device-code", "device-user-code", "device-poll"

State = Literal["asked", "denied", "granted", "used"]


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a device asks for, and where it asks from.  Times are seconds since the epoch.

    Attributes:
        issuer: The gateway as the device knows it.
        scopes: As asked for; empty if none were.
        resources: URLs as the client wrote them.
        device: What the device says it is.
    """

    issuer: str
    client: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    ip: str
    device: str
    asked_at: float

    def is_live(self, now: float) -> bool:
        """Whether the person can still answer, and the device still be given tokens."""
        return abs(now - self.asked_at) < LIFETIME_S


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """One sign-in as the store has it.

    Attributes:
        grant: What the person granted; None before, and once it was used.
        used_for: The session that it gave, if any.
    """

    key: str
    state: State
    request: DeviceRequest
    grant: Grant | None = None
    used_for: str | None = None
    stored: bytes = field(default=b"", repr=False)


class Devices:
    """See the module."""

    def __init__(
        self,
        store: Store,
        sealer: Callable[[], Sealer],
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._random = random

    async def issue(self, request: DeviceRequest) -> tuple[str, str]:
        """A new device code and user code for `request`.

        Raises:
            StoreUnavailableError: They could not be stored.
        """
        text = base64.urlsafe_b64encode(self._random(_CODE_BYTES)).rstrip(b"=").decode()
        device_code = _PREFIX + text
        key = _device_key(device_code)
        sealed = self._seal(DeviceCode(key, "asked", request))
        await self._store.put(key, sealed, ttl_s=_KEPT_S)
        for _ in range(_ATTEMPTS):
            user_code = new_user_code()
            pointer = _user_key(user_code)
            leads_to = self._sealer().seal(_POINTER_PURPOSE, key.encode(), context=pointer.encode())
            # Never over the code of another device.
            if await self._store.compare_and_swap(pointer, None, leads_to, ttl_s=LIFETIME_S):
                return device_code, user_code
        raise StoreUnavailableError("found no free user code")

    async def by_device_code(self, device_code: str) -> DeviceCode | None:
        """The sign-in of a device; None if there never was one, or long ago.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        return await self._read(_device_key(device_code))

    async def by_user_code(self, user_code: str) -> DeviceCode | None:
        """The sign-in that waits for a person's answer; None if none does.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        pointer = _user_key(user_code)
        stored = await self._store.get(pointer)
        if stored is None:
            return None
        key = self._sealer().open_sealed(_POINTER_PURPOSE, stored, context=pointer.encode())
        found = None if key is None else await self._read(key.decode())
        if found is None or found.state != "asked" or not found.request.is_live(self._clock()):
            return None
        return found

    async def answer(self, user_code: str, found: DeviceCode, grant: Grant | None) -> bool:
        """Note the person's answer, None for no; False if another answer was first.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        state: State = "denied" if grant is None else "granted"
        answered = await self._swap(found, replace(found, state=state, grant=grant))
        if answered:
            await self._store.delete(_user_key(user_code))
        return answered

    async def use(self, found: DeviceCode, session_id: str) -> bool:
        """Mark what was granted as used for the session; False if another request was first.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        used = replace(found, state="used", grant=None, used_for=session_id)
        return await self._swap(found, used)

    async def is_too_early(self, found: DeviceCode) -> bool:
        """Whether the device asks again before its interval is over, which then grows.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        key = f"{_POLL_PURPOSE}:{found.key}"
        now = self._clock()
        stored = await self._store.get(key)
        opened = (
            None
            if stored is None
            else self._sealer().open_sealed(_POLL_PURPOSE, stored, context=key.encode())
        )
        at, interval_s = (0.0, INTERVAL_S) if opened is None else json.loads(opened)
        is_early = abs(now - at) < interval_s - _EARLY_S
        if is_early:
            interval_s = min(interval_s + _SLOWER_S, _LONGEST_INTERVAL_S)
        data = json.dumps([now, interval_s]).encode()
        sealed = self._sealer().seal(_POLL_PURPOSE, data, context=key.encode())
        # Of several requests at once, all but one are early.
        was_first = await self._store.compare_and_swap(key, stored, sealed, ttl_s=_KEPT_S)
        return is_early or not was_first

    async def _swap(self, found: DeviceCode, after: DeviceCode) -> bool:
        sealed = self._seal(after)
        return await self._store.compare_and_swap(found.key, found.stored, sealed, ttl_s=_KEPT_S)

    async def _read(self, key: str) -> DeviceCode | None:
        stored = await self._store.get(key)
        if stored is None:
            return None
        opened = self._sealer().open_sealed(_PURPOSE, stored, context=key.encode())
        return None if opened is None else _decode(key, opened, stored)

    def _seal(self, code: DeviceCode) -> bytes:
        data = json.dumps(
            {
                "state": code.state,
                "request": asdict(code.request),
                "grant": None if code.grant is None else encode_grant(code.grant).decode(),
                "used_for": code.used_for,
            }
        ).encode()
        return self._sealer().seal(_PURPOSE, data, context=code.key.encode())


def _decode(key: str, data: bytes, stored: bytes) -> DeviceCode | None:
    written = json.loads(data)
    asked = written["request"]
    asked |= {name: tuple(asked[name]) for name in ("scopes", "resources")}
    grant = None if written["grant"] is None else decode_grant(written["grant"].encode())
    if written["state"] == "granted" and grant is None:
        # Of a newer version, which this one cannot read.
        return None
    return DeviceCode(
        key, written["state"], DeviceRequest(**asked), grant, written["used_for"], stored
    )


def _device_key(device_code: str) -> str:
    # A form may hold a lone surrogate.
    digest = sha256(device_code.encode("utf-8", "surrogatepass")).hexdigest()
    return f"device-code:{digest}"


def _user_key(user_code: str) -> str:
    return f"device-user-code:{sha256(user_code.encode()).hexdigest()}"
