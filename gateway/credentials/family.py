"""The tokens of one session: which are good, and what a refresh token that comes is.  Pure.

A refresh token is used once: its successor takes its place (RFC 9700, section 4.14.2).  One that
comes late is either stolen or held by whom it was stolen from, and nobody can tell which: all of
the family ends.  An answer may get lost on its way to a phone, though, and some apps ask several
times at once.  So for a short while the same token gives a successor again, and whichever of
them is used next is the one that stays.
"""

import json
from dataclasses import dataclass, field, replace
from enum import Enum

# As long as a slow network may take, and what Okta and Auth0 offer at most or thereabouts.
GRACE_S = 30.0
# As many as an app asks for at once: one for each request of a screen that found its token over.
# Whichever of the answers it keeps must be good.
MOST = 32
_VERSION = 1


class Presented(Enum):
    """What a refresh token that opens its family is to it."""

    NEXT = "next"
    AGAIN = "again"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class Family:
    """The digests of a session's tokens.  Times are seconds since the epoch.

    Attributes:
        current: Refresh tokens of which one may be used next.
        previous: Those before them.
        rotated_at: When `current` began to take the place of `previous`.
        access: Access tokens and when each runs out, the oldest first.
    """

    current: tuple[bytes, ...] = field(repr=False)
    previous: tuple[bytes, ...] = field(default=(), repr=False)
    rotated_at: float = 0.0
    access: tuple[tuple[bytes, float], ...] = field(default=(), repr=False)

    def expiry(self, digest: bytes) -> float | None:
        """When the access token of `digest` runs out; None where it is none of these."""
        return next((at for known, at in self.access if known == digest), None)


def judge(family: Family, digest: bytes, now: float) -> Presented:
    """What the refresh token of `digest` is at `now`; it is known to have come from `family`."""
    if digest in family.current:
        return Presented.NEXT
    # A clock that was set back makes no grace longer.
    if digest in family.previous and abs(now - family.rotated_at) < GRACE_S:
        return Presented.AGAIN
    return Presented.REUSED


def rotated(
    family: Family, presented: Presented, refresh: bytes, access: tuple[bytes, float], now: float
) -> Family:
    """The family once the `refresh` and `access` tokens were given for the one `presented`."""
    tokens = (*family.access, access)[-MOST:]
    if presented is Presented.NEXT:
        return replace(
            family, current=(refresh,), previous=family.current, rotated_at=now, access=tokens
        )
    return replace(family, current=(*family.current, refresh)[-MOST:], access=tokens)


def encode_family(family: Family) -> bytes:
    """The written form."""
    return json.dumps(
        {
            "version": _VERSION,
            "current": [it.hex() for it in family.current],
            "previous": [it.hex() for it in family.previous],
            "rotated_at": family.rotated_at,
            "access": [[it.hex(), at] for it, at in family.access],
        },
        separators=(",", ":"),
    ).encode()


def decode_family(data: bytes) -> Family | None:
    """The family written in `data`; None when that is none this version can read."""
    try:
        written = json.loads(data)
        if written["version"] != _VERSION:
            return None
        return Family(
            current=tuple(bytes.fromhex(it) for it in written["current"]),
            previous=tuple(bytes.fromhex(it) for it in written["previous"]),
            rotated_at=float(written["rotated_at"]),
            access=tuple((bytes.fromhex(it), float(at)) for it, at in written["access"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
