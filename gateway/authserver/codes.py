"""Authorization codes (RFC 6749, section 4.1.2): each good for a minute, and once.

A code that comes back after it was used may be stolen, so what it gave ends (RFC 9700, section
2.1.1).  The store keeps the session that it gave for as long as a replay is likely.
"""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256

from gateway.authserver.grant import Grant, decode_grant, encode_grant
from gateway.sealing.sealer import RandomBytes, Sealer
from gateway.storage.store import Store

# RFC 6749, section 4.1.2, allows ten minutes; apps take seconds.
CODE_S = 60.0
_KEPT_S = 600.0
_CODE_BYTES = 32
_PURPOSE = "authorization-code"
_NEW, _USED = b"n", b"u"
PREFIX = "gp_ac_"


@dataclass(frozen=True, slots=True)
class Found:
    """What the store has of a code.

    Attributes:
        grant: None if the code was used.
        used_for: The session that it gave; None if it was not used.
    """

    grant: Grant | None
    used_for: str | None
    stored: bytes = field(repr=False)


class Codes:
    """See the module."""

    def __init__(
        self,
        store: Store,
        sealer: Callable[[], Sealer],
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._random = random

    async def issue(self, grant: Grant) -> str:
        """A new code for `grant`.

        Raises:
            StoreUnavailableError: It could not be stored.
        """
        text = base64.urlsafe_b64encode(self._random(_CODE_BYTES)).rstrip(b"=").decode()
        code = PREFIX + text
        await self._store.put(
            _key(code), self._seal(code, _NEW, encode_grant(grant)), ttl_s=_KEPT_S
        )
        return code

    async def find(self, code: str) -> Found | None:
        """What the store has of `code`; None for a code that was never issued, or long ago.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        stored = await self._store.get(_key(code))
        if stored is None:
            return None
        opened = self._sealer().open_sealed(
            _PURPOSE, stored, context=_key(code).encode(), extra_key=_bytes(code)
        )
        if opened is None:
            return None
        if opened[:1] == _USED:
            return Found(None, opened[1:].decode(), stored)
        grant = decode_grant(opened[1:])
        return None if grant is None else Found(grant, None, stored)

    async def use(self, code: str, found: Found, session_id: str) -> bool:
        """Mark `code` as used for the session; False if another request was first.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        used = self._seal(code, _USED, session_id.encode())
        return await self._store.compare_and_swap(_key(code), found.stored, used, ttl_s=_KEPT_S)

    def _seal(self, code: str, state: bytes, data: bytes) -> bytes:
        return self._sealer().seal(
            _PURPOSE, state + data, context=_key(code).encode(), extra_key=_bytes(code)
        )


def _bytes(code: str) -> bytes:
    # A form may hold a lone surrogate.
    return code.encode("utf-8", "surrogatepass")


def _key(code: str) -> str:
    return f"authorization-code:{sha256(_bytes(code)).hexdigest()}"
