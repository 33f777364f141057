"""Makes an identity of what a directory holds about a person.  Pure."""

import unicodedata
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import ProviderUnavailableError
from gateway.kinds import LDAP
from gateway.ldap.names import BadDnError, bytes_in_filter, in_filter, is_below, parse_dn
from gateway.ldap.plan import Groups, Plan
from gateway.message.mailbox import read_mailbox
from gateway.model import Identity

# More than that satisfy no rule: nobody knows which of them were left out.
MOST_GROUPS = 1000
_MOST_SUBJECT_CHARACTERS = 255
_GUID = "objectguid"
_GUID_BYTES = 16
# MS-ADTS, section 2.2.16: ADS_UF_ACCOUNT_DISABLE.
_DISABLED = 0x2

Values = Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the directory.

    Attributes:
        attributes: By name in lower case.
    """

    dn: str
    attributes: Mapping[str, Values]

    def values(self, name: str) -> Values:
        """The values of an attribute; none if it has none."""
        return self.attributes.get(name.lower(), ())

    def text(self, name: str) -> str | None:
        """The only value of an attribute, or its first; None if there is none to read."""
        for value in self.values(name)[:1]:
            try:
                return value.decode()
            except UnicodeDecodeError:
                return None
        return None


@dataclass(frozen=True, slots=True)
class GroupNames:
    """The names of groups; `unreadable` as in `Identity`."""

    names: tuple[str, ...] = ()
    unreadable: frozenset[str] = frozenset()


TOO_MANY = GroupNames(unreadable=frozenset({"groups"}))


def subject_of(entry: Entry, plan: Plan) -> str:
    """The immutable id of a person, as text.

    Raises:
        ProviderUnavailableError: The entry has none, or several.
    """
    values = entry.values(plan.subject)
    if len(values) == 1:
        value = values[0]
        if plan.subject.lower() == _GUID and len(value) == _GUID_BYTES:
            return str(uuid.UUID(bytes_le=value))
        text = value.decode("ascii", "replace")
        if 0 < len(text) <= _MOST_SUBJECT_CHARACTERS and text.isascii() and text.isprintable():
            return text
    raise ProviderUnavailableError(f"ldap: {entry.dn!r} has no usable {plan.subject}")


def subject_in_filter(subject: str, plan: Plan) -> str:
    """A subject of `subject_of`, as the value of its attribute in a filter."""
    if plan.subject.lower() != _GUID:
        return in_filter(subject)
    try:
        return bytes_in_filter(uuid.UUID(subject).bytes_le)
    except ValueError:
        return in_filter(subject)


def is_typed(entry: Entry, plan: Plan, typed: str) -> bool:
    """Whether `typed` is the login name of `entry`, apart from case.

    Directories skip blanks, accents and invisible characters too, so that a name has thousands of
    spellings, each with a counter of its own for wrong passwords.
    """
    for attribute, before, after in plan.logins():
        wanted = _folded(f"{before}{typed}{after}")
        if any(_folded(it.decode("utf-8", "replace")) == wanted for it in entry.values(attribute)):
            return True
    return False


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def is_disabled(entry: Entry, plan: Plan) -> bool:
    """Whether the directory has disabled the person, as far as an attribute tells."""
    if entry.values("pwdAccountLockedTime") and (
        # draft-behera-ldap-password-policy-10, section 5.3.3: this one is for good.
        (entry.text("pwdAccountLockedTime") or "").startswith("000001010000")
    ):
        return True
    if not plan.checks_account_control:
        return False
    text = entry.text("userAccountControl") or ""
    # Unknown counts as disabled: Active Directory gives it to whoever may search.
    return not text.isascii() or not text.isdigit() or bool(int(text) & _DISABLED)


def identity_of(entry: Entry, plan: Plan, groups: GroupNames) -> Identity:
    """The identity of who is described by `entry`.

    Raises:
        ProviderUnavailableError: It has no subject, or no user name.
    """
    user = entry.text(plan.user)
    if not user:
        raise ProviderUnavailableError(f"ldap: {entry.dn!r} has no readable {plan.user}")
    subject = subject_of(entry, plan)
    email = entry.text(plan.email)
    unreadable = set(groups.unreadable)
    if email is not None and read_mailbox(email) is None:
        email = None
        unreadable.add("email")
    claims: dict[str, object] = {"iss": plan.issuer, "sub": subject, "preferred_username": user}
    if email is not None:
        claims |= {"email": email, "email_verified": plan.assume_email_verified}
    return Identity(
        user=user,
        subject=subject,
        issuer=plan.issuer,
        credential="session",
        provider=LDAP,
        email=email if plan.assume_email_verified else None,
        name=entry.text(plan.name),
        groups=groups.names,
        claims=claims,
        unreadable=frozenset(unreadable),
    )


def listed_groups(entry: Entry, groups: Groups) -> GroupNames:
    """The groups that an attribute of the person lists by their DNs."""
    wanted = groups.attribute.lower()
    # Active Directory gives long lists in parts: ``memberOf;range=0-1499`` (MS-ADTS).
    if any(it.startswith(f"{wanted};") for it in entry.attributes):
        return TOO_MANY
    values = entry.values(wanted)
    if len(values) > MOST_GROUPS:
        return TOO_MANY
    names, is_whole = [], True
    for value in values:
        try:
            dn = parse_dn(value.decode())
        except (BadDnError, UnicodeDecodeError):
            is_whole = False
            continue
        # Whoever may make groups elsewhere could make one with any name.
        if is_below(dn, groups.base_dn):
            names.append(dn[0][1])
    return _named(names, is_whole=is_whole)


def found_groups(entries: Sequence[Entry], groups: Groups) -> GroupNames:
    """The groups that a search found."""
    names = [it.text(groups.name) for it in entries]
    return _named([it for it in names if it], is_whole=all(names))


def _named(names: Sequence[str], *, is_whole: bool) -> GroupNames:
    unreadable = frozenset() if is_whole else frozenset({"groups[]"})
    return GroupNames(tuple(dict.fromkeys(names)), unreadable)
