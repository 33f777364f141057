"""The format of the gateway's own tokens: ``gp_at_…`` for access, ``gp_rt_…`` to refresh.  Pure.

After the prefix come 63 bytes in base64url (RFC 4648, section 5): the ticket of a session, as in a
session cookie, and a nonce that tells the tokens of one session apart.  63 bytes are exactly 84
characters, so a token has only one spelling.  The checksum is that of API keys.
"""

import base64
import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

from gateway.credentials.key_format import checksum, is_whole
from gateway.sealing.sealer import RandomBytes
from gateway.sessions.ticket import COOKIE_CHARS

Use = Literal["access", "refresh"]

PREFIXES: dict[Use, str] = {"access": "gp_at_", "refresh": "gp_rt_"}

_NONCE_BYTES = 15
_FORM = re.compile(r"gp_(at|rt)_([A-Za-z0-9_-]{84})[0-9A-Za-z]{6}")
_USES: dict[str, Use] = {"at": "access", "rt": "refresh"}


@dataclass(frozen=True, slots=True)
class GatewayToken:
    """A token with a valid checksum, which may never have been issued.

    Attributes:
        ticket: The ticket of its session.
        digest: SHA-256 of the whole token, which identifies it.
    """

    use: Use
    ticket: str = field(repr=False)
    digest: bytes = field(repr=False)


def new_token(use: Use, ticket: str, random: RandomBytes) -> str:
    """A new random token of the session with `ticket`."""
    nonce = base64.urlsafe_b64encode(random(_NONCE_BYTES)).decode()
    begin = f"{PREFIXES[use]}{ticket}{nonce}"
    return begin + checksum(begin)


def parse_token(text: str) -> GatewayToken | None:
    """Parse `text` as a token; None if it is not one.  Never raises."""
    found = _FORM.fullmatch(text)
    if found is None or not is_whole(text):
        return None
    return GatewayToken(_USES[found[1]], found[2][:COOKIE_CHARS], sha256(text.encode()).digest())
