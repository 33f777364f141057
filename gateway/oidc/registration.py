"""What the gateway is to one provider: the configured values over the profile's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Names = tuple[str, ...]
Parameters = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Where each fact is found: plain claim names or JSON pointers, the first present counts.

    Attributes:
        verified_as_text: Whether ``email_verified`` may also be the text ``true``; it is a boolean
            in OpenID Connect Core 1.0, section 5.1.
        split: What separates groups, and roles, that come as one text; ``""`` where they do not.
    """

    user: Names = ("sub",)
    email: Names = ("email",)
    name: Names = ("name", "preferred_username")
    roles: Names = ()
    groups: Names = ()
    verified_as_text: bool = False
    split: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """One client registration at one provider, ready to use.

    Attributes:
        name: The provider's name in the configuration.
        issuer_aliases: Other spellings of the issuer that the provider puts into ``iss``.
        client_key: For private_key_jwt: PEM, a JWK, or Zitadel's JSON key file.
        client_auth: How to authenticate at the token endpoint; None leaves it to discovery.
        assertion_audience: ``token_endpoint`` or ``issuer``: ``aud`` of private_key_jwt.
        access_typ: What the provider's access tokens say in ``typ``; ``""`` for anything.
        algorithms: What ID tokens may be signed with.
        assume_email_verified: Whether an e-mail counts although nothing marks it verified.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)
    client_auth: str | None = None
    assertion_audience: str = "token_endpoint"
    access_typ: str = ""
    scopes: Names = ("openid", "profile", "email")
    authorize_params: Parameters = field(default_factory=dict)
    algorithms: Names = ()
    claims: ClaimNames = field(default_factory=ClaimNames)
    assume_email_verified: bool = False
    issuer_aliases: Names = ()
    label: str = ""

    @property
    def issuers(self) -> frozenset[str]:
        """Every spelling of the issuer that counts as it."""
        return frozenset((self.issuer, *self.issuer_aliases))
