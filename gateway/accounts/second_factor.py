"""The second factor of a local account: an authenticator app, and codes for when it is lost."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_DIGEST_CHARS = 64


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """What is kept to check codes.

    Attributes:
        totp: The secret that the app shares, in Base32 (RFC 6238).
        used_step: The time step of the newest code that was used; none up to it is good again.
        recovery: Digests of the recovery codes that are left, as `digest_of` gives them.
    """

    totp: str = field(repr=False)
    used_step: int = 0
    recovery: tuple[str, ...] = field(default=(), repr=False)


def read_second_factor(written: Mapping[str, Any] | None) -> SecondFactor | None:
    """The second factor that was written as its fields; None if there is none.

    Raises:
        ValueError: It cannot be read.  A password alone must not be enough then.
    """
    if written is None:
        return None
    totp, used_step, recovery = (written.get(it) for it in ("totp", "used_step", "recovery"))
    if not isinstance(totp, str) or not totp or type(used_step) is not int:
        raise ValueError("no second factor")
    if not isinstance(recovery, list) or not all(map(_is_digest, recovery)):
        raise ValueError("no recovery codes")
    return SecondFactor(totp, used_step, tuple(recovery))


def _is_digest(written: object) -> bool:
    return isinstance(written, str) and len(written) == _DIGEST_CHARS
