"""An account: who signs in to it, as last seen, and what operators and apps keep with it.  Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from gateway.accounts.owner import fold_email, fold_user
from gateway.accounts.passkey import Passkey
from gateway.accounts.second_factor import SecondFactor
from gateway.kinds import ADMIN_ROLE, LOCAL
from gateway.model import AccountFacts, Identity

# What is kept of an identity; the rest is about one sign-in.
FACTS = (
    "user",
    "subject",
    "issuer",
    "provider",
    "email",
    "name",
    "groups",
    "roles",
    "account_id",
    "external_id",
    "claims",
    "unreadable",
)
# Claims about a token or a sign-in, not the person: RFC 7519, section 4.1; OpenID Connect Core 1.0,
# section 2; Front-Channel Logout 1.0; FAPI; Keycloak, Ory and Entra.  Most are others each time,
# and so is `updated_at` at Auth0.
_OF_TOKENS = frozenset(
    {
        *("aud", "exp", "nbf", "iat", "jti", "azp", "nonce", "auth_time", "acr", "amr"),
        *("at_hash", "c_hash", "s_hash", "sid", "typ", "session_state", "rat"),
        *("aio", "rh", "uti", "updated_at"),
    }
)
# Characters.
MAX_SECRET = 4096
# A provider may change a name at each sign-in.
_MOST_NAMES = 100
_NO_SECRETS: Mapping[str, str] = MappingProxyType({})

Subject = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who has the verified e-mail address may join the account.

    Attributes:
        email: As `fold_email` gives it.
        issuer: Only where this issuer vouches for the address; ``""`` for any.
    """

    email: str
    issuer: str = ""

    def is_for(self, identity: Identity) -> bool:
        """Whether `identity` has the address, verified, and comes from the right issuer."""
        if not identity.email or self.issuer not in ("", identity.issuer):
            return False
        return fold_email(identity.email) == self.email


@dataclass(frozen=True, slots=True)
class Account:
    """One person, or one client of an issuer.

    Attributes:
        subjects: Who signs in to it, as (issuer, subject); the first names the person.
        seen: What was said last of each that has signed in.
        names: The user names that belong to it, whether or not still in use.
        external_id: The app's own key of the person.
        roles: Kept here, beside those that the provider gives.
        groups: As `roles`.
        password: The hash of the local password; None if there is none.
        passkeys: Each signs in to the local identity, alone or after the password.
        second_factor: What a sign-in with the password needs too; None if there is none.
        secrets: By name; sent to apps that know only their own credentials.
        invitations: Who may join it.
        created_at: In seconds since the epoch; 0 if unknown.
        is_client: Whether a client's tokens made it, not a person.
        is_disabled: Whether it is refused until an operator enables it again.
        is_provisioned: Whether the app has been told that it exists.
        is_admin: Whether the person administers the gateway.
        merged_into: The account that took its place.
        imported: Names the row of a file that it was imported from; None if it was not.
    """

    subjects: tuple[Subject, ...] = ()
    seen: tuple[Identity, ...] = ()
    names: tuple[str, ...] = ()
    external_id: str | None = None
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    password: str | None = field(default=None, repr=False)
    passkeys: tuple[Passkey, ...] = field(default=(), repr=False)
    second_factor: SecondFactor | None = None
    secrets: Mapping[str, str] = field(default_factory=lambda: _NO_SECRETS, repr=False)
    invitations: tuple[Invitation, ...] = ()
    created_at: int = 0
    is_client: bool = False
    is_disabled: bool = False
    is_provisioned: bool = False
    is_admin: bool = False
    merged_into: str | None = None
    imported: str | None = None

    @property
    def user(self) -> str | None:
        """The user name of the person; None before the first sign-in."""
        return self.seen[0].user if self.seen else None

    @property
    def kept(self) -> tuple[object, ...]:
        """All that it adds to what a provider says of a person."""
        return (
            self.user,
            self.external_id,
            self.roles,
            self.groups,
            dict(self.secrets),
            self.is_disabled,
            self.merged_into,
        )

    @property
    def shown(self) -> tuple[object, ...]:
        """All that apps, rules and sessions see of it."""
        return self.seen, self.kept

    @property
    def email(self) -> str | None:
        """The verified address of the person; None if no identity has one."""
        return next((it.email for it in self.seen if it.email), None)

    @property
    def local(self) -> Identity | None:
        """The person as known by the local user name; None if there is no such identity."""
        return next((it for it in self.seen if it.provider == LOCAL), None)

    def with_local_email(self, email: str | None) -> "Account":
        """The account with another address of the local identity, verified by the caller."""
        return replace(
            self,
            seen=tuple(
                replace(it, email=email) if it.provider == LOCAL else it for it in self.seen
            ),
        )

    def with_secret(self, name: str, secret: str | None) -> "Account":
        """The account with the secret in place of one of the same name; None removes it."""
        others = {key: value for key, value in self.secrets.items() if key != name}
        return replace(self, secrets=others if secret is None else {**others, name: secret})

    def took(self, before: "Account") -> bool:
        """Whether it has lost an identity or a name since `before`."""
        return bool({*before.subjects, *before.names} - {*self.subjects, *self.names})

    def as_seen(self, issuer: str, subject: str) -> Identity | None:
        """What was last said of the issuer's subject; None if it does not sign in here."""
        return next((it for it in self.seen if (it.issuer, it.subject) == (issuer, subject)), None)

    def is_named_by(self, identity: Identity) -> bool:
        """Whether the person's user name is the one that `identity` has."""
        return not self.seen or self.seen[0].subject_key() == identity.subject_key()

    def entered(self, identity: Identity) -> "Account":
        """The account with `identity` in it; the same object if nothing changes."""
        account, key = self, identity.subject_key()
        if key not in self.subjects:
            # An invitation is good once.
            left = tuple(it for it in self.invitations if not it.is_for(identity))
            account = replace(account, subjects=(*self.subjects, key), invitations=left)
        if self.is_named_by(identity) and identity.user not in self.names:
            # All stay reserved for the account; only the newest are listed.
            names = (*self.names, identity.user)[-_MOST_NAMES:]
            account = replace(account, names=names)
        return account

    def invites(self, identity: Identity) -> bool:
        """Whether an invitation is for `identity`."""
        return any(it.is_for(identity) for it in self.invitations)

    def without(self, subject: Subject) -> "Account":
        """The account without the identity (issuer, subject).

        With a local identity its password and passkeys go, and every other one that these prove:
        the issuer of local identities changes with `public_url`.
        """
        known = self.as_seen(*subject)
        is_local = known is not None and known.provider == LOCAL
        gone = {subject}
        if is_local:
            gone |= {it.subject_key() for it in self.seen if it.provider == LOCAL}
        return replace(
            self,
            subjects=tuple(it for it in self.subjects if it not in gone),
            seen=tuple(it for it in self.seen if it.subject_key() not in gone),
            password=None if is_local else self.password,
            passkeys=() if is_local else self.passkeys,
            second_factor=None if is_local else self.second_factor,
        )

    def without_name(self, user: str) -> "Account":
        """The account without the user name, in any spelling."""
        gone = fold_user(user)
        return replace(self, names=tuple(it for it in self.names if fold_user(it) != gone))

    def has_name(self, user: str) -> bool:
        """Whether the user name is the account's, in whatever spelling."""
        return fold_user(user) in map(fold_user, self.names)

    def signed_in(self, identity: Identity) -> "Account":
        """The account after `identity` signed in; the same object if nothing changes."""
        account = self.entered(identity)
        known = account.as_seen(*identity.subject_key())
        if known is None:
            return replace(account, seen=(*account.seen, facts_of(identity)))
        return _told(account, known, replace(_newer(known, identity), user=identity.user))

    def refreshed(self, identity: Identity) -> "Account":
        """The account after a session of `identity` was refreshed; as `signed_in`.

        The user name was decided at the sign-in and stays.  An unlinked identity changes nothing.
        """
        known = self.as_seen(*identity.subject_key())
        if known is None:
            return self
        return _told(self, known, replace(_newer(known, identity), user=known.user))

    def facts(self, account_id: str, identity: Identity) -> AccountFacts:
        """What the account `account_id` adds to its `identity`.

        It is refused if it was unlinked from the account, or if its name was released: another
        person may have that name by now.
        """
        # Another identity of the same person goes by the person's name.
        user = None if self.is_named_by(identity) else self.user
        is_its_own = identity.subject_key() in self.subjects
        return AccountFacts(
            account_id,
            user=user,
            external_id=self.external_id,
            roles=self._roles(),
            groups=self.groups,
            secrets=self.secrets,
            is_refused=self.is_disabled
            or not is_its_own
            or not self.has_name(user or identity.user),
        )

    def _roles(self) -> tuple[str, ...]:
        """The roles; that of administrators comes from nothing but `is_admin`, not from a hook."""
        others = tuple(it for it in self.roles if it != ADMIN_ROLE)
        return (*others, ADMIN_ROLE) if self.is_admin else others


def facts_of(identity: Identity) -> Identity:
    """What of `identity` is about the person: nothing of one sign-in, no token."""
    kept = {name: getattr(identity, name) for name in FACTS}
    kept["claims"] = {k: v for k, v in identity.claims.items() if k not in _OF_TOKENS}
    return Identity(credential="session", **kept)


def plain_facts(identity: Identity) -> dict[str, Any]:
    """The facts as JSON has them; what is not known is left out."""
    facts = {name: getattr(identity, name) for name in FACTS}
    facts["unreadable"] = sorted(identity.unreadable)
    facts["claims"] = dict(identity.claims)
    return {name: value for name, value in facts.items() if value is not None}


def merged(account: Account, other: Account) -> Account:
    """`account` with all of `other`; its own come first where both have one."""
    known = {it.subject_key() for it in account.seen}
    return replace(
        account,
        subjects=tuple(dict.fromkeys((*account.subjects, *other.subjects))),
        seen=(*account.seen, *(it for it in other.seen if it.subject_key() not in known)),
        names=tuple(dict.fromkeys((*account.names, *other.names))),
        external_id=account.external_id or other.external_id,
        roles=tuple(dict.fromkeys((*account.roles, *other.roles))),
        groups=tuple(dict.fromkeys((*account.groups, *other.groups))),
        password=account.password or other.password,
        passkeys=tuple(dict.fromkeys((*account.passkeys, *other.passkeys))),
        # Also with the password of the other one: nobody is to need less than before.
        second_factor=account.second_factor or other.second_factor,
        secrets={**other.secrets, **account.secrets},
        invitations=tuple(dict.fromkeys((*account.invitations, *other.invitations))),
        is_disabled=account.is_disabled or other.is_disabled,
        is_provisioned=account.is_provisioned,
        is_admin=account.is_admin or other.is_admin,
    )


def _told(account: Account, known: Identity, facts: Identity) -> Account:
    if _in_any_order(plain_facts(known)) == _in_any_order(plain_facts(facts)):
        return account
    return replace(account, seen=tuple(facts if it is known else it for it in account.seen))


def _newer(known: Identity, said: Identity) -> Identity:
    # Where userinfo failed, what is missing is not known to be gone: what was known before stays.
    return known if "*" in said.unreadable else facts_of(said)


def _in_any_order(value: object) -> object:
    """`value` with its lists sorted: some providers list groups in another order each time."""
    if isinstance(value, Mapping):
        return {name: _in_any_order(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return sorted(map(_in_any_order, value), key=lambda it: json.dumps(it, sort_keys=True))
    return value
