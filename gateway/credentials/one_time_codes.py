"""Codes that are good once: of an authenticator app (TOTP, RFC 6238), and for recovery.  Pure."""

import hmac
import re
import secrets
from dataclasses import replace
from hashlib import sha256

from gateway.accounts.second_factor import SecondFactor
from gateway.credentials.local_proofs import APP_CODE, RECOVERY_CODE, Proof

# What apps take for granted: other values are ignored by many.
STEP_S = 30
# RFC 6238, section 5.2: one step for clocks that differ and for slow typing.
_WINDOW_STEPS = 1
_RECOVERY_CODES = 10
# Digits, because phones show no letters for a field of codes.  66 bits, which nobody guesses: a
# plain digest is enough to keep them.
_RECOVERY_DIGITS = 20
_APP_CODE = re.compile(r"[0-9]{6}")
_BLANKS = re.compile(r"[\s-]+")
# No code is longer, whatever stands between its groups.
_MOST_CHARACTERS = 100


def new_totp_secret() -> str:
    """A secret for an app: 160 bits in Base32 (RFC 4226, section 4)."""
    from pyotp import random_base32

    return random_base32()


def otpauth_uri(secret: str, user: str, site: str) -> str:
    """The URI that an app reads from a QR code; it lists the account as `user` at `site`."""
    from pyotp import TOTP

    return TOTP(secret).provisioning_uri(name=user, issuer_name=site)


def new_recovery_codes() -> tuple[str, ...]:
    """Ten codes, as the user sees them."""
    return tuple(_new_recovery_code() for _ in range(_RECOVERY_CODES))


def digest_of(code: str) -> str:
    """What is kept of a recovery code."""
    return sha256(_bare(code).encode()).hexdigest()


def matching_step(secret: str, code: str, now: float, after_step: int = 0) -> int | None:
    """The time step whose code `code` is, if it is a step around `now` and after `after_step`."""
    from pyotp import TOTP

    bare, totp, now_step = _bare(code), TOTP(secret), int(now // STEP_S)
    if not _APP_CODE.fullmatch(bare):
        return None
    found = None
    for step in range(max(0, now_step - _WINDOW_STEPS), now_step + _WINDOW_STEPS + 1):
        # Every step is compared, so that the time tells nothing.
        is_right = hmac.compare_digest(totp.generate_otp(step), bare)
        if is_right and step > after_step:
            found = step
    return found


def use_code(factor: SecondFactor, code: str, now: float) -> tuple[SecondFactor, Proof] | None:
    """The second factor once `code` was used, and what that proves; None if it is wrong."""
    step = matching_step(factor.totp, code, now, factor.used_step)
    if step is not None:
        return replace(factor, used_step=step), APP_CODE
    used = digest_of(code)
    if used in factor.recovery:
        left = tuple(it for it in factor.recovery if it != used)
        return replace(factor, recovery=left), RECOVERY_CODE
    return None


def _new_recovery_code() -> str:
    digits = f"{secrets.randbelow(10**_RECOVERY_DIGITS):0{_RECOVERY_DIGITS}d}"
    return "-".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def _bare(code: str) -> str:
    """`code` without what people type between its groups."""
    return _BLANKS.sub("", code[:_MOST_CHARACTERS])
