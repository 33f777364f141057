"""Conditions on the identity: names, groups, claims, and how they were proven."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from gateway.authz.claims import Missing, claim_texts, names_of, pointer_tokens
from gateway.authz.condition import AnyOf, listed, unreadable_fact
from gateway.authz.facts import MET, Facts, Result, Unmet, Unreadable
from gateway.bounded import remember
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.model import Identity

_REMEMBERED_USERS: Final = 4096


@dataclass(frozen=True, slots=True)
class UserIs(AnyOf):
    """The user, as sent to the app, is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Names are compared exactly."""
        if facts.identity.user in self.values:
            return MET
        return _another_user(facts.identity.user)


def _another_user(user: str) -> Unmet:
    """The result for `user`, remembered: a `deny` on users gives it for almost every request."""
    known = _ANOTHER_USER.get(user)
    if known is None:
        known = Unmet("user-not-allowed", f"user is {user!r}")
        remember(_ANOTHER_USER, user, known, _REMEMBERED_USERS)
    return known


_ANOTHER_USER: Final[dict[str, Unmet]] = {}


@dataclass(frozen=True, slots=True)
class EmailIs:
    """The verified e-mail address is one of `values`, each as `read_mailbox` gives it."""

    values: frozenset[tuple[str, str]]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values.

        Raises:
            ValueError: A value is not an e-mail address.
        """
        found = [read_mailbox(address) for address in value]
        if None in found:
            raise ValueError(f"not an e-mail address: {value[found.index(None)]!r}")
        return (cls(frozenset(mailbox for mailbox in found if mailbox is not None)),)

    def check(self, facts: Facts) -> Result:
        """An address not marked verified counts as missing; a malformed one is unreadable."""
        mailbox = mailbox_of(facts.identity, "email-not-allowed")
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
            ValueError: A value is not a domain.
        """
        domains = [a_labels(domain.removeprefix("@")) for domain in value]
        if None in domains:
            raise ValueError(f"not a domain: {value[domains.index(None)]!r}")
        return (cls(frozenset(domain for domain in domains if domain is not None)),)

    def check(self, facts: Facts) -> Result:
        """A subdomain is a different domain; a malformed address is unreadable."""
        mailbox = mailbox_of(facts.identity, "email-domain-not-allowed")
        if not isinstance(mailbox, tuple):
            return mailbox
        if mailbox[1] in self.values:
            return MET
        return Unmet("email-domain-not-allowed", "domain is " + repr(mailbox[1]))


def mailbox_of(identity: Identity, reason: str) -> tuple[str, str] | Unmet | Unreadable:
    """The verified e-mail address, or the condition's result if there is none."""
    unreadable = unreadable_fact(identity, "email")
    if unreadable is not None:
        return unreadable
    if identity.email is None:
        return Unmet(reason, "no verified e-mail")
    mailbox = read_mailbox(identity.email)
    return Unreadable(f"not an e-mail address: {identity.email!r}") if mailbox is None else mailbox


@dataclass(frozen=True, slots=True)
class InGroup(AnyOf):
    """One of the groups is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Groups are compared exactly; a list that the provider cut short is unreadable."""
        if (unreadable := unreadable_fact(facts.identity, "groups")) is not None:
            return unreadable
        if not self.values.isdisjoint(facts.identity.groups):
            return MET
        if "groups[]" in facts.identity.unreadable:
            return Unreadable("some groups cannot be read")
        return Unmet("group-missing", listed(self.values))


@dataclass(frozen=True, slots=True)
class HasRole(AnyOf):
    """One of the roles is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Roles are compared exactly."""
        if (unreadable := unreadable_fact(facts.identity, "roles")) is not None:
            return unreadable
        if not self.values.isdisjoint(facts.identity.roles):
            return MET
        if "roles[]" in facts.identity.unreadable:
            return Unreadable("some roles cannot be read")
        return Unmet("role-missing", listed(self.values))


@dataclass(frozen=True, slots=True)
class HasScope(AnyOf):
    """One of `values` was granted to the credential (RFC 6749, section 3.3)."""

    def check(self, facts: Facts) -> Result:
        """Scopes come with the credential, so ``"*"`` does not make them unreadable."""
        if "scopes" in facts.identity.unreadable:
            return Unreadable("scopes cannot be read")
        if not self.values.isdisjoint(facts.identity.scopes):
            return MET
        return Unmet("scope-missing", listed(self.values))


@dataclass(frozen=True, slots=True)
class ClaimIs:
    """The claim at `tokens` is one of `values` as text, or a list that contains one of them.

    Attributes:
        names: Any of these in `Identity.unreadable` makes the claim unreadable.
    """

    name: str
    tokens: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]

    @classmethod
    def of(cls, value: Mapping[str, tuple[str, ...]]) -> tuple[Self, ...]:
        """One condition for each claim."""
        return tuple(
            cls(name, pointer_tokens(name), names_of(name), frozenset(values))
            for name, values in value.items()
        )

    def check(self, facts: Facts) -> Result:
        """An object, or a list that contains one, is unreadable."""
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
        return Unmet("claim-mismatch", f"claim {self.name!r} is not {listed(self.values)}")


@dataclass(frozen=True, slots=True)
class ProviderIs(AnyOf):
    """The provider of the identity is one of `values`."""

    def check(self, facts: Facts) -> Result:
        """Compares the provider's name in the configuration."""
        if facts.identity.provider in self.values:
            return MET
        return Unmet("provider-not-allowed", f"provider is {facts.identity.provider!r}")


@dataclass(frozen=True, slots=True)
class CredentialIs(AnyOf):
    """The identity was proven by one of the kinds `values`."""

    def check(self, facts: Facts) -> Result:
        """If several were sent, only the first in precedence counts."""
        if facts.identity.credential in self.values:
            return MET
        return Unmet("credential-not-allowed", f"credential is {facts.identity.credential!r}")
