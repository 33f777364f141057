"""The gateway's client registration at one provider: settings over the profile's defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.oidc.given_endpoints import Given
from gateway.oidc.internal_url import Addresses
from gateway.oidc.name_steps import Steps
from gateway.settings.oauth2_profiles import GroupList, MemberRoles
from gateway.settings.tenants import in_tenant, is_of_template

OFFLINE = "offline_access"
# OpenID Connect RP-Initiated Logout 1.0, section 2.
POST_LOGOUT = "post_logout_redirect_uri"

Names = tuple[str, ...]
Parameters = Mapping[str, str | tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """The claims for each fact: plain names or JSON pointers; the first present one is used.

    Attributes:
        verified_as_text: Whether ``email_verified`` may also be the text ``true``; OpenID Connect
            Core 1.0, section 5.1, has a boolean.
        role_steps: What is done with the names of roles; `group_steps` likewise.
    """

    user: Names = ("sub",)
    email: Names = ("email",)
    name: Names = ("name", "preferred_username")
    roles: Names = ()
    groups: Names = ()
    verified_as_text: bool = False
    role_steps: Steps = field(default_factory=Steps)
    group_steps: Steps = field(default_factory=Steps)


@dataclass(frozen=True, slots=True)
class OAuth2:
    """How a provider of plain OAuth 2.0 is asked; see `OAuth2Profile` for what is not said here.

    Attributes:
        roles_in: The groups in which the user's roles count; asked of `member_roles`.
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
    member_roles: MemberRoles | None = None
    roles_in: Names = ()


@dataclass(frozen=True, slots=True)
class Registration:
    """One client registration at one provider.

    Attributes:
        name: The provider's name in the configuration.
        issuer_aliases: Other spellings of the issuer that the provider uses in ``iss``.
        client_key: For private_key_jwt: PEM, a JWK, or Zitadel's JSON key file.
        client_key_id: The ``kid`` of `client_key`; None for that of the key itself.
        client_assertion_file: Has the client assertion, made by others (RFC 7523).
        key_signs_for: If there is a `client_key`, it signs a client secret with this ``aud``,
            as `team_id`; ``""`` if it signs client assertions.
        client_auth: How to authenticate at the token endpoint; None to choose by discovery.
        assertion_audience: ``token_endpoint`` or ``issuer``: the ``aud`` of private_key_jwt.
        access_typ: The ``typ`` of the provider's access tokens; ``""`` for any.
        algorithms: The accepted signature algorithms of ID tokens.
        tenants: The ids whose issuers the template `issuer` stands for; empty if it is none.
        nonce_may_be_absent: Whether an ID token without nonce is accepted.
        groups_overage: Where the groups are if the token says that they are elsewhere; None to
            leave them unread.
        name_in_answer: Whether only the first answer to a sign-in has the user's name.
        pushed_authorization: Whether authorization requests are pushed (RFC 9126), required or not.
        offline: Whether sign-ins ask for a refresh token.
        offline_session: Whether they then get a session that a sign-out at the provider does not
            end, while a refresh token comes unasked.
        roles_in_access_token: Whether groups and roles are read from the access token too.
        post_logout_parameter: What the provider calls the URI to come back to after a sign-out.
        logout_names_issuer: Whether a front-channel logout must have the issuer.
        assume_email_verified: Whether to use an e-mail that nothing marks as verified.
        endpoints: Those that the file gives in place of the discovery document's.
        oauth2: None for a provider of OpenID Connect.
    """

    name: str
    issuer: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    client_key: str | None = field(default=None, repr=False)
    client_key_id: str | None = None
    client_assertion_file: Path | None = None
    client_auth: str | None = None
    key_signs_for: str = ""
    team_id: str = ""
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
    groups_overage: GroupList | None = None
    name_in_answer: bool = False
    pushed_authorization: bool = False
    offline: bool = False
    offline_session: bool = False
    roles_in_access_token: bool = False
    post_logout_parameter: str = POST_LOGOUT
    logout_names_issuer: bool = True
    internal_url: str | None = None
    endpoints: Given = field(default_factory=dict)
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

    def knows_users_of(self, issuer: str) -> bool:
        """Whether users known by `issuer` are of this provider, perhaps of an unlisted tenant."""
        return is_of_template(issuer, self.issuer)

    def issuer_in(self, claims: Mapping[str, object]) -> str:
        """The issuer that users are known by, from the verified `claims` of a token."""
        named = claims.get("iss")
        is_tenants = bool(self.tenants) and isinstance(named, str) and named in self.issuers
        return str(named) if is_tenants else self.issuer
