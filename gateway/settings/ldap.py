"""The directory that people sign in with: where it is, and how people and groups are found."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from gateway.settings.addresses import is_loopback
from gateway.settings.ldap_profiles import ProfileName
from gateway.settings.scalars import (
    Address,
    Duration,
    FileName,
    Flag,
    SecretText,
    Section,
    Text,
    quote,
    wrong,
)
from gateway.settings.server_url import address_of, parse_server_url

_PORTS = {"ldaps": 636, "ldap": 389}
_LONGEST_TIMEOUT_S = 30.0
# RFC 4512, section 2.5: a short name or an OID.
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(\.[0-9]+)+")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
# One comparison of the typed name: (uid={user}), (mail={user}@example.com).
LOGIN = re.compile(r"\(([A-Za-z][A-Za-z0-9-]*)=([^(){}*\\]*)\{user\}([^(){}*\\]*)\)")
# They change, or are given to somebody else later.
_MUTABLE = frozenset(
    {
        *("cn", "distinguishedname", "dn", "entrydn", "givenname", "mail", "samaccountname"),
        *("sn", "uid", "userprincipalname"),
    }
)


def _url(value: object) -> str:
    return parse_server_url(value, _PORTS, "bind_dn, bind_password_file").removesuffix("/")


def _attribute(text: str) -> str:
    if _ATTRIBUTE.fullmatch(text) is None:
        raise wrong(f"{quote(text)} is not the name of an attribute")
    return text


def _filter(text: str, allowed: tuple[str, ...]) -> str:
    unknown = [it for it in _PLACEHOLDER.findall(text) if it not in allowed]
    if unknown:
        raise wrong(f"{quote(unknown[0])} is unknown (one of: {', '.join(allowed)})")
    if not (text.startswith("(") and text.endswith(")")) or text.count("(") != text.count(")"):
        raise wrong(f"{quote(text)} is not a filter (write (uid={{user}}))")
    if re.search(r"\([^=()]*\{", text):
        raise wrong(f"{quote(text)}: a placeholder stands for a value, after =")
    return text


def _person_filter(text: str) -> str:
    text = _filter(text, ("{user}",))
    # The typed name is compared with these attributes again: to a directory, more spellings are
    # one name than to the limit on wrong passwords.
    if text.count("{user}") != len(LOGIN.findall(text)) or "{user}" not in text:
        raise wrong(f"{quote(text)} must compare {{user}} with attributes, as in (uid={{user}})")
    return text


def _group_filter(text: str) -> str:
    found = _filter(text, ("{user}", "{dn}"))
    if "{" not in found:
        raise wrong(f"{quote(text)} finds the same groups for everybody: use {{dn}} or {{user}}")
    return found


def _bind_as(text: str) -> str:
    if text.count("{user}") != 1 or re.match(r"[A-Za-z][A-Za-z0-9-]*=\{user\},.", text) is None:  # noqa: TID251
        raise wrong(f"{quote(text)} must be a DN such as uid={{user}},ou=people,dc=example,dc=com")
    return text


def _timeout(seconds: float) -> float:
    if not 1 <= seconds <= _LONGEST_TIMEOUT_S:
        raise wrong("must be at least 1s and at most 30s")
    return seconds


Attribute = Annotated[Text, AfterValidator(_attribute)]


class LdapGroupSettings(Section):
    """Where a person's groups are found."""

    attribute: Attribute | None = Field(
        None,
        description="Attribute of the person with the DNs of the groups: memberOf. Default: by"
        " profile.",
    )
    base: Text | None = Field(
        None,
        description="Where groups are. Those elsewhere do not count; default: ldap.base for a"
        " search, anywhere for an attribute.",
    )
    filter: Annotated[Text, AfterValidator(_group_filter)] | None = Field(
        None, description="Searches groups instead: (member={dn}), (memberUid={user})."
    )
    nested: Flag = Field(
        False, description="Active Directory: counts groups of groups too. Searches, with a filter."
    )
    name: Attribute = Field("cn", description="Attribute that names a group.")


class LdapSettings(Section):
    """The directory whose people sign in with the local form.

    Attributes:
        bind_password: The password itself, even if it comes from `bind_password_file`.
        timeout: Seconds for each step: connecting, and each answer.
        recheck: Seconds.
    """

    url: Annotated[
        str,
        PlainValidator(_url),
        WithJsonSchema({"type": "string", "pattern": r"^ldaps?://[^/?#@]+/?$"}),
    ] = Field(
        description="ldaps://HOST[:636] uses TLS from the start; ldap://HOST[:389] needs start_tls."
    )
    start_tls: Flag = Field(False, description="Requires StartTLS; with ldap://.")
    ca_file: FileName | None = Field(
        None, description="Certificate authorities to trust, PEM; default: the system's."
    )
    profile: ProfileName = Field(
        "openldap",
        description="Defaults for filter, attributes and groups: openldap, lldap, or ad (Active"
        " Directory).",
    )
    base: Text = Field(description="DN below which people are searched.")
    filter: Annotated[Text, AfterValidator(_person_filter)] | None = Field(
        None,
        description="Finds the person by the typed {user}: (uid={user}). Default: by profile. Who"
        " does not match cannot sign in.",
    )
    bind_dn: Text | None = Field(
        None, description="DN of the account that searches, read only. Default: anonymous."
    )
    bind_password: SecretText | None = Field(
        None, repr=False, description="Its password; prefer bind_password_file."
    )
    bind_password_file: FileName | None = Field(None, description="File with its password.")
    bind_as: Annotated[Text, AfterValidator(_bind_as)] | None = Field(
        None,
        description="Binds people directly by this DN, without a search:"
        " uid={user},ou=people,dc=example,dc=com.",
    )
    subject: Attribute | None = Field(
        None,
        description="Attribute that never changes and knows the person; default: entryUUID, or"
        " objectGUID (ad).",
    )
    user: Attribute | None = Field(
        None, description="Attribute for `user`; default: uid, or sAMAccountName (ad)."
    )
    email: Attribute | None = Field(None, description="Attribute for `email`; default: mail.")
    assume_email_verified: Flag | None = Field(
        None,
        description="Whether e-mail addresses count: true if people cannot change their own."
        " Default: true, false for lldap.",
    )
    name: Attribute | None = Field(
        None, description="Attribute for `name`; default: cn, or displayName (ad)."
    )
    groups: LdapGroupSettings = Field(
        LdapGroupSettings(), description="Where groups are; default: by profile."
    )
    issuer: Text | None = Field(
        None,
        description="Names the directory in accounts, together with the subject; default: url. Set"
        " it before you change url.",
    )
    recheck: Duration = Field(
        900.0,
        description="How often the directory is asked about people who are signed in. Needs a"
        " search: without bind_as, or with bind_dn.",
    )
    timeout: Annotated[Duration, AfterValidator(_timeout)] = Field(
        5.0, description="Time to connect, and for each answer; 1s to 30s."
    )
    insecure_plaintext: Flag = Field(
        False, description="Sends passwords without TLS to a server on another machine."
    )

    @property
    def address(self) -> Address:
        """Where to connect."""
        return address_of(self.url, _PORTS)

    @property
    def is_tls(self) -> bool:
        """Whether TLS is used from the start."""
        return self.url.startswith("ldaps:")

    @property
    def known_as(self) -> str:
        """The issuer of its people."""
        return self.issuer or self.url

    @property
    def can_search(self) -> bool:
        """Whether the gateway finds people without their password."""
        return self.bind_as is None or self.bind_dn is not None

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.bind_dn is None) != (self.bind_password is None):
            raise wrong("set bind_dn and bind_password_file together")
        if self.is_tls and (self.start_tls or self.insecure_plaintext):
            unfit = "start_tls" if self.start_tls else "insecure_plaintext"
            raise wrong(f"{unfit} contradicts url: ldaps:// uses TLS from the start")
        has_tls = self.is_tls or self.start_tls
        if not has_tls and not self.insecure_plaintext and not is_loopback(self.address.host):
            raise wrong("passwords would be sent without TLS: write ldaps:// or start_tls: true")
        if has_tls and self.insecure_plaintext:
            raise wrong("insecure_plaintext contradicts start_tls")
        if self.ca_file is not None and not has_tls:
            raise wrong("ca_file has no effect without TLS: write ldaps:// or start_tls: true")
        if self.recheck <= 0:
            raise wrong("recheck must be more than 0")
        self._check_attributes()
        return self

    def _check_attributes(self) -> None:
        own = {(it or "").casefold() for it in (self.user, self.email, self.name)}
        if self.subject is not None and self.subject.casefold() in _MUTABLE | own:
            raise wrong(
                f"subject: {quote(self.subject)} can change, or be given to somebody else:"
                " write entryUUID, or objectGUID for Active Directory"
            )
        groups = self.groups
        ways = (groups.attribute is not None, groups.filter is not None, groups.nested)
        if sum(ways) > 1:
            raise wrong("groups: set only one of attribute, filter and nested")
