"""Conditions on how and when the user signed in; a new sign-in may meet them."""

from dataclasses import dataclass
from typing import Self

from gateway.authz.condition import AnyOf, listed, unreadable_fact
from gateway.authz.facts import MET, Facts, Result, Unmet, Unreadable
from gateway.model import StepUp

# Allowed clock skew between provider and gateway.  A sign-in further in the future is invalid.
MAX_SKEW_S = 60


@dataclass(frozen=True, slots=True)
class AcrIs:
    """The authentication context class (OIDC Core 1.0, section 2) is one of `values`.

    `values` are in the order in which to request them.
    """

    values: tuple[str, ...]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values."""
        return (cls(tuple(value)),)

    def check(self, facts: Facts) -> Result:
        """A step-up can reach another class."""
        if (unreadable := unreadable_fact(facts.identity, "acr")) is not None:
            return unreadable
        if facts.identity.acr in self.values:
            return MET
        step_up = StepUp("acr-not-allowed", acr=self.values)
        return Unmet("acr-not-allowed", f"acr is {facts.identity.acr!r}", step_up)


@dataclass(frozen=True, slots=True)
class AmrHas(AnyOf):
    """One of the authentication methods (RFC 8176) is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """OIDC cannot request a method, only a new proof of identity right now."""
        if (unreadable := unreadable_fact(facts.identity, "amr")) is not None:
            return unreadable
        if not self.values.isdisjoint(facts.identity.amr):
            return MET
        step_up = StepUp("amr-missing", max_age_s=0, amr=tuple(sorted(self.values)))
        return Unmet("amr-missing", listed(self.values), step_up)


@dataclass(frozen=True, slots=True)
class SignedInWithin:
    """At most `max_age_s` seconds have passed since the user proved who they are."""

    max_age_s: float

    @classmethod
    def of(cls, value: float) -> tuple[Self, ...]:
        """One condition."""
        return (cls(value),)

    def check(self, facts: Facts) -> Result:
        """Exactly `max_age_s` is still in time (OIDC Core 1.0, section 3.1.2.1)."""
        if "auth_time" in facts.identity.unreadable:
            return Unreadable("auth_time cannot be read")
        step_up = StepUp("sign-in-too-old", max_age_s=int(self.max_age_s))
        at = facts.identity.authenticated_at
        if at is None:
            return Unmet("sign-in-too-old", "time of the sign-in is unknown", step_up)
        elapsed_s = facts.now - at
        if elapsed_s < -MAX_SKEW_S:
            return Unreadable(f"signed in {-elapsed_s:.0f} s from now")
        if elapsed_s <= self.max_age_s:
            return MET
        return Unmet("sign-in-too-old", f"signed in {elapsed_s:.0f} s ago", step_up)
