"""The form of the gateway's own tokens: ``gp_at_…`` gives access, ``gp_rt_…`` renews it.  Pure.

Behind the prefix stand 63 bytes in base64url (RFC 4648, section 5): the ticket of a session, as a
cookie would hold it, and a nonce, which tells the tokens of one session apart.  63 bytes are 84
characters exactly, so that a token has one spelling only.  The checksum is that of API keys.
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
    """A token whose checksum is right; whether it was ever given out is not said.

    Attributes:
        ticket: Of its session.
        digest: SHA-256 of the whole token, by which it is known.
    """

    use: Use
    ticket: str = field(repr=False)
    digest: bytes = field(repr=False)


def new_token(use: Use, ticket: str, random: RandomBytes) -> str:
    """A token of the session of `ticket` that nobody has seen."""
    nonce = base64.urlsafe_b64encode(random(_NONCE_BYTES)).decode()
    begin = f"{PREFIXES[use]}{ticket}{nonce}"
    return begin + checksum(begin)


def parse_token(text: str) -> GatewayToken | None:
    """The token written as `text`, or None where that is none of ours; never raises."""
    found = _FORM.fullmatch(text)
    if found is None or not is_whole(text):
        return None
    return GatewayToken(_USES[found[1]], found[2][:COOKIE_CHARS], sha256(text.encode()).digest())
