"""What a local sign-in proves: `amr` and `acr` of its session.  Pure."""

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
