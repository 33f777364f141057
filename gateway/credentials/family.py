"""The tokens of one session: which are valid, and what a presented refresh token means.  Pure.

A refresh token is used once, then its successor replaces it (RFC 9700, section 4.14.2).  If a used
one comes back, either its sender or the earlier one is a thief, and nobody can tell which, so the
whole family ends.  But a response may get lost on its way to a phone, and some apps refresh
several times at once.  So for a short time the same token gives a successor again, and whichever
successor is used next stays.
"""

import json
from dataclasses import dataclass, field, replace
from enum import Enum

# Covers a slow network; Okta and Auth0 offer about this much at most.
GRACE_S = 30.0
# The most tokens kept at once.  An app may refresh once for each request of a screen, and whichever
# response it keeps must be valid.
MOST = 32
_VERSION = 1
# Older versions would grant a narrowed token all scopes, so they must not read the record at all.
_NARROWED_VERSION = 2


class Presented(Enum):
    """What a refresh token is to its family."""

    NEXT = "next"
    AGAIN = "again"
    REUSED = "reused"


@dataclass(frozen=True, slots=True)
class Family:
    """The digests of a session's tokens.  Times are seconds since the epoch.

    Attributes:
        current: Refresh tokens, of which one may be used next.
        previous: The refresh tokens before them.
        rotated_at: When `current` replaced `previous`.
        access: Access tokens and when each expires, oldest first.
        narrowed: Access tokens with fewer scopes than their session, and their scopes.
    """

    current: tuple[bytes, ...] = field(repr=False)
    previous: tuple[bytes, ...] = field(default=(), repr=False)
    rotated_at: float = 0.0
    access: tuple[tuple[bytes, float], ...] = field(default=(), repr=False)
    narrowed: tuple[tuple[bytes, frozenset[str]], ...] = field(default=(), repr=False)

    def expiry(self, digest: bytes) -> float | None:
        """When the access token with `digest` expires; None if the family has no such token."""
        return next((at for known, at in self.access if known == digest), None)

    def scopes(self, digest: bytes) -> frozenset[str] | None:
        """The scopes of the access token with `digest`; None if it has all of its session's."""
        return next((scopes for known, scopes in self.narrowed if known == digest), None)


def judge(family: Family, digest: bytes, now: float) -> Presented:
    """What the refresh token with `digest` is at `now`; the caller knows it is of this family."""
    if digest in family.current:
        return Presented.NEXT
    # abs(): a clock that was set back must not extend the grace.
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
    """The family after the `refresh` and `access` tokens were issued for the one `presented`.

    `scopes` are the access token's, if it has fewer than its session; the refresh token keeps
    its scopes (RFC 6749, section 6).
    """
    tokens = (*family.access, access)[-MOST:]
    narrowed = family.narrowed if scopes is None else (*family.narrowed, (access[0], scopes))
    kept = {digest for digest, _ in tokens}
    given = replace(family, access=tokens, narrowed=tuple(it for it in narrowed if it[0] in kept))
    if presented is Presented.NEXT:
        return replace(given, current=(refresh,), previous=family.current, rotated_at=now)
    return replace(given, current=(*family.current, refresh)[-MOST:])


def encode_family(family: Family) -> bytes:
    """The serialized form of `family`."""
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
    """The family serialized in `data`; None if this version cannot read it."""
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
