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
# So that a gateway that knows nothing of narrowed tokens takes none of them, not all their scopes.
_NARROWED_VERSION = 2


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
        narrowed: Those of them that have fewer scopes than their session, and which.
    """

    current: tuple[bytes, ...] = field(repr=False)
    previous: tuple[bytes, ...] = field(default=(), repr=False)
    rotated_at: float = 0.0
    access: tuple[tuple[bytes, float], ...] = field(default=(), repr=False)
    narrowed: tuple[tuple[bytes, frozenset[str]], ...] = field(default=(), repr=False)

    def expiry(self, digest: bytes) -> float | None:
        """When the access token of `digest` runs out; None where it is none of these."""
        return next((at for known, at in self.access if known == digest), None)

    def scopes(self, digest: bytes) -> frozenset[str] | None:
        """The scopes of the access token of `digest`; None where it has all of its session's."""
        return next((scopes for known, scopes in self.narrowed if known == digest), None)


def judge(family: Family, digest: bytes, now: float) -> Presented:
    """What the refresh token of `digest` is at `now`; it is known to have come from `family`."""
    if digest in family.current:
        return Presented.NEXT
    # A clock that was set back makes no grace longer.
    if digest in family.previous and abs(now - family.rotated_at) < GRACE_S:
        return Presented.AGAIN
    return Presented.REUSED


def rotated(
    family: Family,
    presented: Presented,
    refresh: bytes,
    access: tuple[bytes, float],
    now: float,
    scopes: frozenset[str] | None = None,
) -> Family:
    """The family once the `refresh` and `access` tokens were given for the one `presented`.

    `scopes` are those of the access token alone, where it has not all of its session's: a refresh
    token keeps what it was granted (RFC 6749, section 6).
    """
    tokens = (*family.access, access)[-MOST:]
    narrowed = family.narrowed if scopes is None else (*family.narrowed, (access[0], scopes))
    kept = {digest for digest, _ in tokens}
    given = replace(family, access=tokens, narrowed=tuple(it for it in narrowed if it[0] in kept))
    if presented is Presented.NEXT:
        return replace(given, current=(refresh,), previous=family.current, rotated_at=now)
    return replace(given, current=(*family.current, refresh)[-MOST:])


def encode_family(family: Family) -> bytes:
    """The written form."""
    narrowed = [[it.hex(), sorted(scopes)] for it, scopes in family.narrowed]
    return json.dumps(
        {
            "version": _NARROWED_VERSION if narrowed else _VERSION,
            "current": [it.hex() for it in family.current],
            "previous": [it.hex() for it in family.previous],
            "rotated_at": family.rotated_at,
            "access": [[it.hex(), at] for it, at in family.access],
            **({"narrowed": narrowed} if narrowed else {}),
        },
        separators=(",", ":"),
    ).encode()


def decode_family(data: bytes) -> Family | None:
    """The family written in `data`; None when that is none this version can read."""
    try:
        written = json.loads(data)
        if written["version"] not in (_VERSION, _NARROWED_VERSION):
            return None
        return Family(
            current=tuple(bytes.fromhex(it) for it in written["current"]),
            previous=tuple(bytes.fromhex(it) for it in written["previous"]),
            rotated_at=float(written["rotated_at"]),
            access=tuple((bytes.fromhex(it), float(at)) for it, at in written["access"]),
            narrowed=tuple(
                (bytes.fromhex(it), frozenset(scopes)) for it, scopes in written.get("narrowed", ())
            ),
        )
    except (ValueError, TypeError, KeyError):
        return None
