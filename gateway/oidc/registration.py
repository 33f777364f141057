"""The gateway's client registration at one provider: settings over the profile's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.oidc.internal_url import Addresses
from gateway.settings.oauth2_profiles import GroupList
from gateway.settings.tenants import in_tenant

OFFLINE = "offline_access"

Names = tuple[str, ...]
Parameters = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """The claims for each fact: plain names or JSON pointers; the first present one is used.

    Attributes:
        verified_as_text: Whether ``email_verified`` may also be the text ``true``; OpenID Connect
            Core 1.0, section 5.1, has a boolean.
        split: Separator of groups and roles that come as one text; ``""`` not to split.
    """

    user: Names = ("sub",)
    email: Names = ("email",)
    name: Names = ("name", "preferred_username")
    roles: Names = ()
    groups: Names = ()
    verified_as_text: bool = False
    split: str = ""


@dataclass(frozen=True, slots=True)
class OAuth2:
    """How a provider of plain OAuth 2.0 is asked; see `OAuth2Profile` for what is not said here.

    Attributes:
        recheck_s: How often userinfo is asked about a user who is signed in.
    """

    authorization_endpoint: str
    token_endpoint: str
    userinfo_endpoint: str
    emails_endpoint: str
    revocation_endpoint: str
    groups: tuple[GroupList, ...]
    subject: Names
    email_verified: str
    client_auth: Names
    account_prompt: str
    recheck_s: float


@dataclass(frozen=True, slots=True)
class Registration:
    """One client registration at one provider.

    Attributes:
        name: The provider's name in the configuration.
        issuer_aliases: Other spellings of the issuer that the provider uses in ``iss``.
        client_key: For private_key_jwt: PEM, a JWK, or Zitadel's JSON key file.
        client_auth: How to authenticate at the token endpoint; None to choose by discovery.
        assertion_audience: ``token_endpoint`` or ``issuer``: the ``aud`` of private_key_jwt.
        access_typ: The ``typ`` of the provider's access tokens; ``""`` for any.
        algorithms: The accepted signature algorithms of ID tokens.
        tenants: The ids whose issuers the template `issuer` stands for; empty if it is none.
        nonce_may_be_absent: Whether an ID token without nonce is accepted.
        offline: Whether sign-ins ask for a refresh token.
        offline_session: Whether they then get a session that a sign-out at the provider does not
            end, while a refresh token comes unasked.
        roles_in_access_token: Whether groups and roles are read from the access token too.
        assume_email_verified: Whether to use an e-mail that nothing marks as verified.
        oauth2: None for a provider of OpenID Connect.
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
    tenants: Names = ()
    nonce_may_be_absent: bool = False
    offline: bool = False
    offline_session: bool = False
    roles_in_access_token: bool = False
    internal_url: str | None = None
    label: str = ""
    oauth2: OAuth2 | None = None

    @property
    def addresses(self) -> Addresses:
        """Where browsers find the provider, and where the gateway does."""
        return Addresses(self.issuer, self.internal_url)

    @property
    def issuers(self) -> frozenset[str]:
        """All accepted values of ``iss``: spellings of the issuer, or those of the tenants."""
        if self.tenants:
            return frozenset(in_tenant(self.issuer, it) for it in self.tenants)
        return frozenset((self.issuer, *self.issuer_aliases))

    @property
    def offline_hint(self) -> str:
        """What to do if a sign-in that asked for a refresh token gets none."""
        prompt = self.authorize_params.get("prompt", ())
        known = prompt.split() if isinstance(prompt, str) else prompt
        at_provider = "allow the grant type refresh_token for this client at the provider"
        # OpenID Connect Core 1.0, section 11: without consent, the provider must ignore the scope.
        setting = f"set providers.{self.name}.authorize_params: {{prompt: consent}}, or "
        lost = "sessions do not notice changes at the provider"
        return f"{lost}; {'' if 'consent' in known else setting}{at_provider}"

    def issuer_in(self, claims: Mapping[str, object]) -> str:
        """The issuer that users are known by, from the verified `claims` of a token."""
        named = claims.get("iss")
        is_tenants = bool(self.tenants) and isinstance(named, str) and named in self.issuers
        return str(named) if is_tenants else self.issuer
