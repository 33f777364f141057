"""The value of the session cookie: it selects the record and is half of the key to it."""

import base64
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final

from gateway.sealing.sealer import RandomBytes

_ID_BYTES = 16
_KEY_BYTES = 32
# 48 bytes are exactly 64 characters, so a ticket has only one spelling.
COOKIE_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class Ticket:
    """Everything that a browser holds of its session.

    Attributes:
        id: Identifies the record; the store sees only its digest.
        key: Needed, together with the server's secret, to open the record.
    """

    id: bytes = field(repr=False)
    key: bytes = field(repr=False)

    @property
    def cookie(self) -> str:
        """The cookie's value: 64 characters of base64url (RFC 4648, section 5)."""
        return base64.urlsafe_b64encode(self.id + self.key).decode()

    @property
    def session_id(self) -> str:
        """Identifies the session in the store, in logs and in assertions: SHA-256, in hex."""
        return sha256(self.id).hexdigest()


def new_ticket(random: RandomBytes) -> Ticket:
    """A new ticket."""
    return Ticket(random(_ID_BYTES), random(_KEY_BYTES))


def parse_ticket(cookie: str) -> Ticket | None:
    """The ticket in a cookie's value, or None if it cannot be a ticket; never raises."""
    # base64 skips characters outside its alphabet, which would give a ticket several spellings.
    if len(cookie) != COOKIE_CHARS or re.fullmatch(r"[A-Za-z0-9_-]+", cookie) is None:
        return None
    both = base64.urlsafe_b64decode(cookie)
    return Ticket(both[:_ID_BYTES], both[_ID_BYTES:])


def storage_key(session_id: str) -> str:
    """The key of the record in the store."""
    return f"session:{session_id}"


@lru_cache(maxsize=4096)
def cookie_digest(cookie: str) -> bytes:
    """The cache key for a cookie's session."""
    # A lookup by digest has no timing that reveals how much of a guess was right.
    return sha256(cookie.encode("utf-8", "surrogatepass")).digest()
