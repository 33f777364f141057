"""How people and groups are looked up: the settings, completed by their profile.  Pure."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from gateway.ldap.names import Rdn, in_dn, in_filter, parse_dn
from gateway.settings.ldap import LOGIN, LdapSettings
from gateway.settings.ldap_profiles import NESTED, PROFILES
from gateway.settings.scalars import Address

_USER = "{user}"


@dataclass(frozen=True, slots=True)
class Groups:
    """Where a person's groups are found.

    Attributes:
        attribute: Of the person, with DNs; ``""`` to search with `filter`.
        base: Where groups are; empty for anywhere.
        name: The attribute that names a group.
    """

    attribute: str
    filter: str
    base: str
    name: str

    @property
    def base_dn(self) -> tuple[Rdn, ...]:
        """`base`, read."""
        return parse_dn(self.base) if self.base else ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is asked of one directory.

    Attributes:
        bind_dn: The account that searches; ``""`` for anonymous searches.
        bind_as: The DN of a person, with ``{user}``; ``""`` to search first.
        timeout_s: Whole seconds for each step: connecting, and each answer.
    """

    address: Address
    is_tls: bool
    start_tls: bool
    ca_file: Path | None
    issuer: str
    base: str
    filter: str
    bind_dn: str
    bind_password: str = field(repr=False)
    bind_as: str
    subject: str
    user: str
    email: str
    name: str
    assume_email_verified: bool
    groups: Groups
    recheck_s: float
    timeout_s: int
    can_search: bool
    checks_account_control: bool

    def filter_for(self, user: str) -> str:
        """The filter that finds who typed `user`."""
        return self.filter.replace(_USER, in_filter(user))

    def filter_by_subject(self, subject_filter: str) -> str:
        """The filter that finds a known person, if still one of those who may sign in."""
        return f"(&({self.subject}={subject_filter}){self.filter.replace(_USER, '*')})"

    def dn_for(self, user: str) -> str:
        """The DN of who typed `user`, without a search."""
        return self.bind_as.replace(_USER, in_dn(user))

    def logins(self) -> tuple[tuple[str, str, str], ...]:
        """The attributes that what is typed is compared with, and the texts around it."""
        return tuple((it[1], it[2], it[3]) for it in LOGIN.finditer(self.filter))

    def attributes(self) -> tuple[str, ...]:
        """The attributes of a person to read."""
        wanted = [self.subject, self.user, self.email, self.name]
        wanted += [name for name, _, _ in self.logins()]
        if self.groups.attribute:
            wanted.append(self.groups.attribute)
        if self.checks_account_control:
            wanted += ["userAccountControl"]
        wanted += ["pwdAccountLockedTime"]
        return tuple(dict.fromkeys(wanted))


def plan_of(settings: LdapSettings) -> Plan:
    """The plan for `settings`."""
    profile = PROFILES[settings.profile]
    verified = settings.assume_email_verified
    return Plan(
        address=settings.address,
        is_tls=settings.is_tls,
        start_tls=settings.start_tls,
        ca_file=settings.ca_file,
        issuer=settings.known_as,
        base=settings.base,
        filter=re.sub(r"\s+(?=\()|(?<=\))\s+", "", settings.filter or profile.filter),
        bind_dn=settings.bind_dn or "",
        bind_password=settings.bind_password or "",
        bind_as=settings.bind_as or "",
        subject=settings.subject or profile.subject,
        user=settings.user or profile.user,
        email=settings.email or profile.email,
        name=settings.name or profile.name,
        assume_email_verified=profile.assume_email_verified if verified is None else verified,
        groups=_groups(settings),
        recheck_s=settings.recheck,
        timeout_s=max(1, round(settings.timeout)),
        can_search=settings.can_search,
        checks_account_control=settings.profile == "ad",
    )


def _groups(settings: LdapSettings) -> Groups:
    given, profile = settings.groups, PROFILES[settings.profile]
    searched = NESTED if given.nested else given.filter or ""
    attribute = "" if searched else given.attribute or profile.group_attribute
    if not attribute:
        searched = searched or profile.group_filter
        return Groups("", searched, given.base or settings.base, given.name)
    return Groups(attribute, "", given.base or "", given.name)
