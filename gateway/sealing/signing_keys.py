"""Keys that sign: made once, sealed in the store, and rotated with an overlap.

Keys are private JWKs (RFC 7517), newest first.  A new key is published at once and signs only
after a while, when whoever caches the key set has it; the key before it is published long enough
for its last signatures.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import StoreUnavailableError
from gateway.sealing.sealer import Sealer
from gateway.sealing.secret import sealed_under_another
from gateway.storage.store import Store

Jwk = Mapping[str, Any]

# Key sets are cached for five minutes, and workers read the keys again every minute.
AHEAD_S = 600.0
# Longer than anything that is signed is valid.
OVERLAP_S = 86400.0
_MOST = 6
_ATTEMPTS = 5
# When a key begins to sign, in seconds since the epoch; without it, it always did.
SIGNS_FROM = "signs_from"
# Members of a private JWK (RFC 7518, sections 6.2.2 and 6.3.2), and our own.
_NOT_PUBLIC = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", SIGNS_FROM})


def signing_key(keys: Sequence[Jwk], algorithm: str, now: float) -> Jwk | None:
    """The key that signs with `algorithm` at `now`; None if there is none."""
    fitting = [key for key in keys if key["alg"] == algorithm]
    ready = [key for key in fitting if _signs_from(key) <= now]
    # Clocks of machines differ, so the very first key may be ahead of this one's.
    return next(iter(ready or fitting[-1:]), None)


def published(keys: Sequence[Jwk], now: float) -> list[dict[str, Any]]:
    """The public keys for verifiers, newest first."""
    return [
        {name: value for name, value in key.items() if name not in _NOT_PUBLIC}
        for key in keys
        if not _is_over(keys, key, now)
    ]


def key_set(keys: Sequence[Jwk], now: float) -> bytes:
    """The published keys as a JWK Set (RFC 7517, section 5)."""
    return json.dumps({"keys": published(keys, now)}).encode()


def with_new(
    keys: Sequence[Jwk], new: Jwk, now: float, *, at_once: bool = False
) -> list[dict[str, Any]]:
    """`keys` after a rotation to `new`.

    With `at_once` it signs immediately, and earlier keys of its algorithm are gone: whatever they
    signed is refused as soon as verifiers read the key set again.
    """
    others = [dict(it) for it in keys if not (at_once and it["alg"] == new["alg"])]
    others = [it for it in others if not _is_over(keys, it, now)]
    return [{**new, SIGNS_FROM: now if at_once else now + AHEAD_S}, *others][:_MOST]


def _is_over(keys: Sequence[Jwk], key: Jwk, now: float) -> bool:
    newer = (it for it in keys if it["alg"] == key["alg"] and _signs_from(it) > _signs_from(key))
    return any(_signs_from(it) <= now - OVERLAP_S for it in newer)


def _signs_from(key: Jwk) -> float:
    return float(key.get(SIGNS_FROM, 0.0))


class StoredKeys:
    """The keys under one key of the store."""

    def __init__(self, store: Store, name: str, what: str) -> None:
        """Keep them under `name`, which is also the seal's purpose; `what` is for messages."""
        self._store = store
        self._name = name
        self._what = what

    async def read(self, sealer: Sealer) -> list[dict[str, Any]]:
        """The keys; empty if there are none yet.

        They are resealed under the newest secret, so that older secrets can be removed.

        Raises:
            StoreUnavailableError: The store cannot answer, or the keys are sealed under another
                secret.
        """
        for _ in range(_ATTEMPTS):
            sealed, keys = await self._open(sealer)
            if sealed is None or sealer.is_newest(sealed):
                return keys
            if await self._swap(sealer, sealed, keys):
                return keys
        raise StoreUnavailableError(f"{self._what} could not be saved")

    async def add_first(self, sealer: Sealer, new: Jwk) -> list[dict[str, Any]]:
        """The keys, with `new` if there is none of its algorithm; it signs at once.

        Of several processes that call this, one adds its key, and all get the same.

        Raises:
            StoreUnavailableError: As `read`.
        """
        for _ in range(_ATTEMPTS):
            sealed, keys = await self._open(sealer)
            if any(it["alg"] == new["alg"] for it in keys):
                return keys
            keys = [dict(new), *keys]
            if await self._swap(sealer, sealed, keys):
                return keys
        raise StoreUnavailableError(f"{self._what} could not be saved")

    async def rotate(
        self, sealer: Sealer, new: Jwk, now: float, *, at_once: bool = False
    ) -> list[dict[str, Any]]:
        """The keys after a rotation; see `with_new`.

        Raises:
            StoreUnavailableError: As `read`.
        """
        for _ in range(_ATTEMPTS):
            sealed, keys = await self._open(sealer)
            keys = with_new(keys, new, now, at_once=at_once)
            if await self._swap(sealer, sealed, keys):
                return keys
        raise StoreUnavailableError(f"{self._what} could not be saved")

    async def _open(self, sealer: Sealer) -> tuple[bytes | None, list[dict[str, Any]]]:
        sealed = await self._store.get(self._name)
        if sealed is None:
            return None, []
        data = sealer.open_sealed(self._name, sealed)
        if data is None:
            raise sealed_under_another(self._what)
        keys: list[dict[str, Any]] = json.loads(data)
        return sealed, keys

    async def _swap(self, sealer: Sealer, before: bytes | None, keys: Sequence[Jwk]) -> bool:
        sealed = sealer.seal(self._name, json.dumps(list(keys)).encode())
        return await self._store.compare_and_swap(self._name, before, sealed, ttl_s=None)
