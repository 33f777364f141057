"""The keys of ID tokens and logout tokens: made at first need, and the same on all workers."""

import asyncio
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from gateway.errors import StoreUnavailableError
from gateway.oidc.keys import FixedKeys, read_keys
from gateway.oidc.tokens import SignedToken, sign, verify
from gateway.sealing.sealer import Sealer
from gateway.sealing.signing_keys import StoredKeys, key_set, signing_key
from gateway.storage.store import Clock, Store

ALGORITHMS = ("ES256", "RS256")
_NAME = "id-token-key"
# Other workers' rotations take effect after this, which `AHEAD_S` allows for.
_READ_AGAIN_S = 60.0
# NIST SP 800-57, part 1, table 2: enough until 2030.
_RSA_BITS = 2048


def id_token_keys(store: Store) -> StoredKeys:
    """The keys in `store` that sign ID tokens."""
    return StoredKeys(store, _NAME, "the key of ID tokens")


def new_id_token_key(algorithm: str) -> dict[str, Any]:
    """A private key for `algorithm` as a JWK, named by a digest of its public part."""
    from joserfc.jwk import ECKey, RSAKey  # Only who signs ID tokens pays for it.

    if algorithm == "RS256":
        key = RSAKey.generate_key(_RSA_BITS).as_dict(private=True)
        named = {name: key[name] for name in ("e", "kty", "n")}
    else:
        key = ECKey.generate_key("P-256").as_dict(private=True)
        named = {name: key[name] for name in ("crv", "kty", "x", "y")}
    digest = sha256(repr(sorted(named.items())).encode()).hexdigest()
    return {**key, "kid": digest[:16], "use": "sig", "alg": algorithm}


class IdTokenKeys:
    """Signs, verifies and publishes with the keys in the store."""

    def __init__(self, store: Store, sealer: Callable[[], Sealer], clock: Clock) -> None:
        self._stored = id_token_keys(store)
        self._sealer = sealer
        self._clock = clock
        self._keys: list[dict[str, Any]] = []
        self._read_at: float | None = None
        self._making = asyncio.Lock()

    async def sign(
        self, claims: Mapping[str, object], algorithm: str, kind: str | None = None
    ) -> str:
        """`claims` as a JWT; `kind` is its ``typ``.

        Raises:
            StoreUnavailableError: The keys cannot be read.
        """
        from joserfc.jwk import JWKRegistry

        jwk = await self._signing(algorithm)
        key = JWKRegistry.import_key({**jwk})
        return sign(claims, key, algorithm, jwk["kid"], kind)

    async def verify(self, token: str) -> SignedToken:
        """`token`, if a key that is still in the store signed it.

        Raises:
            BadTokenError: None did.
            StoreUnavailableError: The keys cannot be read.
        """
        await self._fresh()
        known = FixedKeys(read_keys({"keys": self._keys}))
        return await verify(token, known, ALGORITHMS)

    async def document(self) -> bytes:
        """The key set; it has a key for each algorithm.

        Raises:
            StoreUnavailableError: The keys cannot be read.
        """
        for algorithm in ALGORITHMS:
            await self._signing(algorithm)
        return key_set(self._keys, self._clock())

    async def _signing(self, algorithm: str) -> Mapping[str, Any]:
        await self._fresh()
        if all(it["alg"] != algorithm for it in self._keys):
            async with self._making:
                # In a thread, because an RSA key takes a tenth of a second or more.
                new = await asyncio.to_thread(new_id_token_key, algorithm)
                self._keys = await self._stored.add_first(self._sealer(), new)
        found = signing_key(self._keys, algorithm, self._clock())
        assert found is not None  # noqa: S101 - made above
        return found

    async def _fresh(self) -> None:
        now = self._clock()
        if self._read_at is not None and abs(now - self._read_at) < _READ_AGAIN_S:
            return
        try:
            self._keys = await self._stored.read(self._sealer())
        except StoreUnavailableError:
            if not self._keys:
                raise
            # Those read before are still good.
        self._read_at = now
