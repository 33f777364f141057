"""Policy conditions: one frozen dataclass each, one line each in `CONDITIONS`.

A condition reads `Facts` and nothing else: no I/O, no clock.  If it needs a new fact, the
authenticate stage gathers it.  Adding a condition is adding a class and its line here, a setting
of the same name, and rows to the table in ``tests/authz/test_conditions.py``.

`of` takes the value as the settings have it and gives the conditions it stands for, all of which
must hold: one, but for mappings.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Protocol, Self

from gateway.authz.claims import Missing, claim_texts, names_of, pointer_tokens
from gateway.authz.facts import MET, Facts, Result, Unmet, Unreadable
from gateway.message.fields import fold
from gateway.message.forwarded import parse_address
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.model import Identity, StepUp

# Clocks of provider and gateway may differ by this much; a later sign-in has not happened.
MAX_SKEW_S = 60


class Condition(Protocol):
    """One question about the facts."""

    @classmethod
    def of(cls, value: Any) -> tuple["Condition", ...]:
        """The conditions that the configured `value` stands for."""

    def check(self, facts: Facts) -> Result:
        """Answer it."""


def _unreadable(identity: Identity, fact: str) -> Unreadable | None:
    if identity.unreadable and (fact in identity.unreadable or "*" in identity.unreadable):
        return Unreadable(f"{fact} cannot be read")
    return None


@dataclass(frozen=True, slots=True)
class _AnyOf:
    """What the conditions share that compare one fact with `values`."""

    values: frozenset[str]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values."""
        return (cls(frozenset(value)),)


@dataclass(frozen=True, slots=True)
class UserIs(_AnyOf):
    """The user, as the app is told it, is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Names are compared exactly."""
        if facts.identity.user in self.values:
            return MET
        # Said for almost everybody a `deny` does not name; compiled, a format would be dear.
        return Unmet("user-not-allowed", "user is " + repr(facts.identity.user))


@dataclass(frozen=True, slots=True)
class EmailIs:
    """The verified e-mail address is one of `values`, each as `read_mailbox` gives it."""

    values: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values.

        Raises:
            ValueError: A value is no e-mail address.
        """
        found = [read_mailbox(address) for address in value]
        if None in found:
            raise ValueError(f"not an e-mail address: {value[found.index(None)]!r}")
        return (cls(frozenset(mailbox for mailbox in found if mailbox is not None)),)

    def check(self, facts: Facts) -> Result:
        """An address that is not marked verified is missing; what is no address is unreadable."""
        mailbox = _mailbox(facts.identity, "email-not-allowed")
        if not isinstance(mailbox, tuple):
            return mailbox
        if mailbox in self.values:
            return MET
        return Unmet("email-not-allowed", "e-mail is " + repr(facts.identity.email))


@dataclass(frozen=True, slots=True)
class EmailDomainIs:
    """The domain of the verified e-mail address is one of `values`, in full."""

    values: frozenset[str]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values.

        Raises:
            ValueError: A value is no domain.
        """
        domains = [a_labels(domain.removeprefix("@")) for domain in value]
        if None in domains:
            raise ValueError(f"not a domain: {value[domains.index(None)]!r}")
        return (cls(frozenset(domain for domain in domains if domain is not None)),)

    def check(self, facts: Facts) -> Result:
        """A subdomain is another domain; what is no address has none that could be read."""
        mailbox = _mailbox(facts.identity, "email-domain-not-allowed")
        if not isinstance(mailbox, tuple):
            return mailbox
        if mailbox[1] in self.values:
            return MET
        return Unmet("email-domain-not-allowed", "domain is " + repr(mailbox[1]))


def _mailbox(identity: Identity, reason: str) -> tuple[str, str] | Unmet | Unreadable:
    """The verified e-mail address, or what a condition makes of there being none."""
    unreadable = _unreadable(identity, "email")
    if unreadable is not None:
        return unreadable
    if identity.email is None:
        return Unmet(reason, "no verified e-mail")
    mailbox = read_mailbox(identity.email)
    return Unreadable(f"no e-mail address: {identity.email!r}") if mailbox is None else mailbox


@dataclass(frozen=True, slots=True)
class InGroup(_AnyOf):
    """One of the groups is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Groups are compared exactly; a list cut short by the provider cannot be read."""
        if (unreadable := _unreadable(facts.identity, "groups")) is not None:
            return unreadable
        if not self.values.isdisjoint(facts.identity.groups):
            return MET
        if "groups[]" in facts.identity.unreadable:
            return Unreadable("some of groups cannot be read")
        return Unmet("group-missing", _wanted(self.values))


@dataclass(frozen=True, slots=True)
class HasRole(_AnyOf):
    """One of the roles is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Roles are compared exactly."""
        if (unreadable := _unreadable(facts.identity, "roles")) is not None:
            return unreadable
        if not self.values.isdisjoint(facts.identity.roles):
            return MET
        if "roles[]" in facts.identity.unreadable:
            return Unreadable("some of roles cannot be read")
        return Unmet("role-missing", _wanted(self.values))


@dataclass(frozen=True, slots=True)
class HasScope(_AnyOf):
    """One of `values` was granted to the credential (RFC 6749, section 3.3)."""

    def check(self, facts: Facts) -> Result:
        """Scopes come with the credential, so that ``"*"`` does not make them unreadable."""
        if "scopes" in facts.identity.unreadable:
            return Unreadable("scopes cannot be read")
        if not self.values.isdisjoint(facts.identity.scopes):
            return MET
        return Unmet("scope-missing", _wanted(self.values))


@dataclass(frozen=True, slots=True)
class ClaimIs:
    """The claim at `tokens` is one of `values` as text, or a list that contains one of them.

    Attributes:
        names: Any of these in `Identity.unreadable` makes it unreadable.
    """

    name: str
    tokens: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]

    @classmethod
    def of(cls, value: Mapping[str, tuple[str, ...]]) -> tuple[Self, ...]:
        """One condition a claim."""
        return tuple(
            cls(name, pointer_tokens(name), names_of(name), frozenset(values))
            for name, values in value.items()
        )

    def check(self, facts: Facts) -> Result:
        """An object, or a list with one in it, cannot be read as text."""
        unreadable = facts.identity.unreadable
        if unreadable and not unreadable.isdisjoint(self.names):
            return Unreadable(f"claim {self.name!r} cannot be read")
        found = claim_texts(facts.identity.claims, self.tokens)
        if found is Missing.UNREADABLE:
            return Unreadable(f"claim {self.name!r} has the wrong type")
        if found is Missing.ABSENT:
            return Unmet("claim-missing", f"no claim {self.name!r}")
        if not self.values.isdisjoint(found):
            return MET
        return Unmet("claim-mismatch", f"claim {self.name!r} is not {_wanted(self.values)}")


@dataclass(frozen=True, slots=True)
class ProviderIs(_AnyOf):
    """The provider that vouches for the user is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """By its configured name."""
        if facts.identity.provider in self.values:
            return MET
        return Unmet("provider-not-allowed", f"provider is {facts.identity.provider!r}")


@dataclass(frozen=True, slots=True)
class CredentialIs(_AnyOf):
    """The identity was proven by one of the kinds `values`."""

    def check(self, facts: Facts) -> Result:
        """Where several were sent, the one that says the scopes."""
        if facts.identity.credential in self.values:
            return MET
        return Unmet("credential-not-allowed", f"credential is {facts.identity.credential!r}")


@dataclass(frozen=True, slots=True)
class AcrIs:
    """The authentication context class (OIDC Core 1.0, section 2) is one of `values`.

    `values` are in the order to ask for them.
    """

    values: tuple[str, ...]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values."""
        return (cls(tuple(value)),)

    def check(self, facts: Facts) -> Result:
        """Another class, or none, can be stepped up from."""
        if (unreadable := _unreadable(facts.identity, "acr")) is not None:
            return unreadable
        if facts.identity.acr in self.values:
            return MET
        step_up = StepUp("acr-not-allowed", acr=self.values)
        return Unmet("acr-not-allowed", f"acr is {facts.identity.acr!r}", step_up)


@dataclass(frozen=True, slots=True)
class AmrHas(_AnyOf):
    """One of the authentication methods (RFC 8176) is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """OIDC has no way to ask for a method, only for proving the identity again now."""
        if (unreadable := _unreadable(facts.identity, "amr")) is not None:
            return unreadable
        if not self.values.isdisjoint(facts.identity.amr):
            return MET
        step_up = StepUp("amr-missing", max_age_s=0)
        return Unmet("amr-missing", _wanted(self.values), step_up)


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


@dataclass(frozen=True, slots=True)
class IpIn:
    """The client address, after trusted-proxy resolution, is in one of the networks.

    Attributes:
        networks: (version, network, mask) each, as numbers.
    """

    networks: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, value: tuple[IPv4Network | IPv6Network, ...]) -> tuple[Self, ...]:
        """One condition for all networks."""
        return (cls(tuple((n.version, int(n.network_address), int(n.netmask)) for n in value)),)

    def check(self, facts: Facts) -> Result:
        """An IPv4 network covers IPv4-mapped IPv6 addresses too."""
        address = parse_address(facts.request.client)
        if address is None:
            return Unreadable(f"no address: {facts.request.client!r}")
        version, number = address.version, int(address)
        for of_version, network, mask in self.networks:
            if version == of_version and number & mask == network:
                return MET
        return Unmet("ip-not-allowed", f"client is {address}")


@dataclass(frozen=True, slots=True)
class MethodIs:
    """The method is one of `values`; methods are case-sensitive (RFC 9110, section 9.1)."""

    values: frozenset[str]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values; GET stands for HEAD too, as it does in routes."""
        return (cls(frozenset((*value, "HEAD") if "GET" in value else value)),)

    def check(self, facts: Facts) -> Result:
        """As sent; fields that override the method are never read."""
        if facts.request.method in self.values:
            return MET
        return Unmet("method-not-allowed", f"method is {facts.request.method!r}")


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """The client's own field `name` (lower case) is one of `values`."""

    name: bytes
    values: frozenset[str]

    @classmethod
    def of(cls, value: Mapping[str, tuple[str, ...]]) -> tuple[Self, ...]:
        """One condition a field."""
        return tuple(
            cls(name.lower().encode("ascii"), frozenset(values)) for name, values in value.items()
        )

    def check(self, facts: Facts) -> Result:
        """A repeated field cannot be read, nor one in another spelling (``X_Name``).

        Two servers would take different lines of it, and some know the spellings apart.
        """
        found = facts.request.fields.folded(fold(self.name))
        if not found:
            return Unmet("header-missing", f"no field {self.name!r}")
        if len(found) > 1:
            return Unreadable(f"field {self.name!r} is repeated")
        name, value = found[0]
        if name.lower() != self.name:
            return Unreadable(f"field {self.name!r} is spelt in another way")
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return Unreadable(f"field {self.name!r} is not UTF-8")
        if text in self.values:
            return MET
        return Unmet("header-mismatch", f"field {self.name!r} has another value")


def _wanted(values: frozenset[str]) -> str:
    return "any of " + ", ".join(sorted(map(repr, values)))


# In the order they are checked, and told, within an item.
CONDITIONS: dict[str, type[Condition]] = {
    "user": UserIs,
    "email": EmailIs,
    "email_domain": EmailDomainIs,
    "group": InGroup,
    "role": HasRole,
    "scope": HasScope,
    "claim": ClaimIs,
    "provider": ProviderIs,
    "credential": CredentialIs,
    "ip": IpIn,
    "method": MethodIs,
    "header": HeaderIs,
    "acr": AcrIs,
    "amr": AmrHas,
    "max_age": SignedInWithin,
}
