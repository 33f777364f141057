"""What directories name differently, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ProfileName = Literal["openldap", "lldap", "ad"]

# Microsoft's rule for members of members: LDAP_MATCHING_RULE_IN_CHAIN (MS-ADTS, 3.1.1.3.4.4).
NESTED = "(member:1.2.840.113556.1.4.1941:={dn})"


@dataclass(frozen=True, slots=True)
class LdapProfile:
    """The defaults for one kind of directory.

    Attributes:
        filter: Finds a person by what is typed as user name.
        subject: The attribute that never changes and is never given to somebody else.
        user: The attribute that names the person.
        email: The attribute with the e-mail address.
        name: The attribute with the full name.
        group_attribute: The attribute of a person with the DNs of the groups; ``""`` if none has.
        group_filter: Finds the groups of a person, where no attribute lists them.
        assume_email_verified: Whether, by default, only administrators can write `email`.
    """

    filter: str
    subject: str
    user: str
    email: str = "mail"
    name: str = "cn"
    group_attribute: str = ""
    group_filter: str = ""
    assume_email_verified: bool = True


PROFILES: Mapping[ProfileName, LdapProfile] = {
    # RFC 2798, RFC 4519 and RFC 2307; the overlay memberof is not on by default.
    "openldap": LdapProfile(
        filter="(&(objectClass=person)(uid={user}))",
        subject="entryUUID",
        user="uid",
        group_filter="(|(&(objectClass=groupOfNames)(member={dn}))"
        "(&(objectClass=groupOfUniqueNames)(uniqueMember={dn}))"
        "(&(objectClass=posixGroup)(memberUid={user})))",
    ),
    # Its users may change their own address.
    "lldap": LdapProfile(
        filter="(&(objectClass=person)(uid={user}))",
        subject="entryUUID",
        user="uid",
        group_attribute="memberOf",
        assume_email_verified=False,
    ),
    # Computers are users too.
    "ad": LdapProfile(
        filter="(&(objectClass=user)(!(objectClass=computer))"
        "(|(sAMAccountName={user})(userPrincipalName={user})))",
        subject="objectGUID",
        user="sAMAccountName",
        name="displayName",
        group_attribute="memberOf",
    ),
}
