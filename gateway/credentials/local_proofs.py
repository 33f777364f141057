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


def second_factor_helps(acr: Collection[str], amr: Collection[str]) -> bool:
    """Whether a second factor meets what a rule asks for; what is empty is not asked for."""
    has_acr = not acr or APP_CODE.acr in acr
    return has_acr and (not amr or not set(APP_CODE.amr).isdisjoint(amr))
