"""What a local sign-in proves: `amr` and `acr` of its session.  Pure."""

from collections.abc import Collection
from dataclasses import dataclass

# OpenID Provider Authentication Policy Extension 1.0, section 4; other providers use it as `acr`.
MULTI_FACTOR = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@dataclass(frozen=True, slots=True)
class Proof:
    """How somebody proved who they are.

    Attributes:
        amr: RFC 8176, section 2.
        acr: OpenID Connect Core 1.0, section 2; None if there is no name for it.
    """

    amr: tuple[str, ...]
    acr: str | None = None


PASSWORD = Proof(("pwd",))
APP_CODE = Proof(("pwd", "otp", "mfa"), MULTI_FACTOR)
# RFC 8176 has no value for recovery codes.  They are no `otp`: a rule that asks for it wants the
# app, and not a list that may lie on a desk.
RECOVERY_CODE = Proof(("pwd", "mfa"), MULTI_FACTOR)


# Of a key that stays in its device, and of one that may be copied to others.
DEVICE_PASSKEY = Proof(("pop", "hwk", "mfa"), MULTI_FACTOR)
SYNCED_PASSKEY = Proof(("pop", "swk", "mfa"), MULTI_FACTOR)


def second_factor_helps(acr: Collection[str], amr: Collection[str]) -> bool:
    """Whether a second factor meets what a rule asks for; what is empty is not asked for."""
    return _meets(APP_CODE, acr, amr)


def passkey_helps(acr: Collection[str], amr: Collection[str]) -> bool:
    """Whether some passkey meets what a rule asks for, as `second_factor_helps`."""
    return _meets(DEVICE_PASSKEY, acr, amr) or _meets(SYNCED_PASSKEY, acr, amr)


def _meets(proof: Proof, acr: Collection[str], amr: Collection[str]) -> bool:
    has_acr = not acr or proof.acr in acr
    return has_acr and (not amr or not set(proof.amr).isdisjoint(amr))
