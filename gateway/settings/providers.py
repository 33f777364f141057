"""Providers: where users sign in, by OpenID Connect or plain OAuth 2.0."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.claims import ProviderClaimSettings
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES
from gateway.settings.provider_protocol import (
    Endpoint,
    Issuer,
    ProviderProtocolSettings,
    judge_assertion,
    judge_key,
)
from gateway.settings.provider_quirks import (
    GroupId,
    Nonce,
    ProviderAlgorithm,
    ResponseMode,
    RolesEndpoint,
    Tenant,
)
from gateway.settings.provider_reach import ProviderTlsSettings, Proxy
from gateway.settings.provider_types import judge_oauth2, judge_oidc
from gateway.settings.scalars import (
    Duration,
    FileName,
    Flag,
    OneOrMany,
    SecretText,
    Text,
    wrong,
)

# Names of gateway.oidc's profiles; a test keeps the two in step.
Profile = Literal[
    "generic",
    "zitadel",
    "logto",
    "keycloak",
    "authentik",
    "authelia",
    "entra",
    "google",
    "auth0",
    "okta",
    "cognito",
    "dex",
    "apple",
    "linkedin",
    "pocket-id",
    "kanidm",
    "hydra",
    "canaille",
    "github",
    "gitea",
    "forgejo",
    "gitlab",
    "discord",
    "bitbucket",
]
ClientAuth = Literal[
    "client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "none"
]

# Set by the flow itself (RFC 6749, section 4.1.1; RFC 7636; OIDC Core 1.0, section 3.1.2.1).
_FLOW_PARAMETERS = frozenset(
    {
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "request",
        "request_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)


def _not_of_the_flow(parameters: Mapping[str, str]) -> Mapping[str, str]:
    for name in parameters:
        if name in _FLOW_PARAMETERS:
            raise wrong(f"cannot set {name}: the sign-in sets it")
    return parameters


class ProviderSettings(ProviderProtocolSettings):
    """One provider.  None means the default of its profile, or of discovery.

    Attributes:
        issuer: Exactly as written: a trailing slash matters.
        recheck: Seconds.
        client_secret: The secret itself, even if it comes from `client_secret_file`.
        client_key: A private key, PEM or JWK, even if it comes from `client_key_file`.
    """

    type: Literal["oidc", "oauth2"] = Field(
        "oidc",
        description="oidc: OpenID Connect; oauth2: plain OAuth 2.0, such as GitHub or Discord.",
    )
    issuer: Issuer = Field(
        description="Issuer URL, exactly as the provider writes it; with type: oauth2, the name"
        " under which its users are known; default: that of the profile."
    )
    profile: Profile = Field("generic", description="Defaults for a product.")
    client_id: Text = Field(description="The gateway's client id at the provider.")
    client_secret: SecretText | None = Field(
        None, repr=False, description="Client secret; prefer client_secret_file."
    )
    client_secret_file: FileName | None = Field(None, description="File with the secret.")
    client_key: str | None = Field(
        None, repr=False, description="Private key, PEM or JWK; prefer client_key_file."
    )
    client_key_file: FileName | None = Field(
        None, description="File with the private key (private_key_jwt)."
    )
    client_auth: ClientAuth | None = Field(
        None, description="How the client authenticates; default: from discovery."
    )
    internal_url: Issuer | None = Field(
        None,
        description="The provider's address for the gateway's own calls: takes the place of the"
        " issuer, path included, at the start of each. Browsers get the public address.",
    )
    tls: ProviderTlsSettings = Field(
        ProviderTlsSettings(), description="TLS for the gateway's own calls."
    )
    proxy: Proxy | None = Field(
        None,
        repr=False,
        description="Proxy for the gateway's own calls: http://proxy:3128. Default: HTTPS_PROXY,"
        " HTTP_PROXY and NO_PROXY of the environment.",
    )
    tenants: Annotated[tuple[Tenant, ...], OneOrMany()] = Field(
        (),
        description="Tenants that may come in, by their ids (tid); required if the issuer has the"
        " place {tenantid}, as with Entra ID.",
    )
    algorithms: Annotated[tuple[ProviderAlgorithm, ...], OneOrMany()] | None = Field(
        None,
        description="Accepted signature algorithms; default: all asymmetric ones. HS256 needs a"
        " client secret of at least 32 bytes.",
    )
    nonce: Nonce | None = Field(
        None,
        description="required, the default; unless_absent accepts an ID token without nonce from a"
        " provider that returns none. A wrong one is always refused.",
    )
    response_mode: ResponseMode | None = Field(
        None, description="How the provider answers: query, the default, or form_post."
    )
    scopes: Annotated[tuple[Text, ...], OneOrMany()] | None = Field(
        None, description="Requested scopes; must include openid."
    )
    authorize_params: Annotated[Mapping[Text, Text], AfterValidator(_not_of_the_flow)] = Field(
        {}, description="More parameters for the authorization request."
    )
    authorization_endpoint: Endpoint | None = Field(
        None,
        description="Where users sign in. With type: oidc, endpoints that you set take the place of"
        " those in the discovery document; with this, token_endpoint and jwks_uri, none is asked"
        " for.",
    )
    token_endpoint: Endpoint | None = Field(None, description="Where codes are redeemed.")
    userinfo_endpoint: Endpoint | None = Field(None, description="Describes the user.")
    emails_endpoint: Endpoint | None = Field(
        None,
        description="Lists the user's e-mail addresses; only the verified primary one counts. Only"
        " with type: oauth2.",
    )
    groups_endpoint: Endpoint | None = Field(
        None,
        description="Lists the user's groups: texts, or objects with the member claims.group. With"
        " groups_overage: graph, that address in another cloud.",
    )
    roles_in: Annotated[tuple[GroupId, ...], OneOrMany()] = Field(
        (),
        description="Groups, by id, in which the user's roles count too, as groups GROUP:ROLE; only"
        " with profile: discord or roles_endpoint.",
    )
    roles_endpoint: RolesEndpoint | None = Field(
        None, description="Lists the user's roles in a group of roles_in, which {group} stands for."
    )
    recheck: Duration = Field(
        900.0,
        description="How often the provider is asked about a user who is signed in; only with"
        " type: oauth2.",
    )
    email_verified: Literal["require", "assume"] = Field(
        "require",
        description="require: ignores an e-mail not marked as verified; assume: accepts it.",
    )
    claims: ProviderClaimSettings = Field(
        ProviderClaimSettings(), description="Which claim has each part of the identity."
    )
    label: Text | None = Field(None, description="Text of the sign-in button.")
    icon_file: FileName | None = Field(
        None,
        description="SVG, PNG or JPEG of at most 16 KiB, shown on the sign-in button; default: the"
        " first letter of the provider's name.",
    )
    backchannel_logout: Flag = Field(
        True,
        description="Accept logout tokens from the provider (OIDC Back-Channel Logout 1.0).",
    )

    @model_validator(mode="before")
    @classmethod
    def _takes_the_issuer_of_its_profile(cls, value: object) -> object:
        if not isinstance(value, dict) or value.get("type") != "oauth2":
            return value
        profile = OAUTH2_PROFILES.get(str(value.get("profile", "generic")))
        issuer = {} if profile is None or not profile.issuer else {"issuer": profile.issuer}
        return {**issuer, "backchannel_logout": False, **value}

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.type == "oidc":
            judge_oidc(self)
        else:
            judge_oauth2(self)
        return self

    @model_validator(mode="after")
    def _can_prove_itself(self) -> Self:
        has_secret, has_key = self.client_secret is not None, self.client_key is not None
        if has_secret and has_key:
            raise wrong("set client_secret or client_key, not both")
        judge_assertion(self, has_other=has_secret or has_key, method=self.client_auth or "")
        judge_key(self, self.profile, self.client_key)
        has_key = has_key or self.client_assertion_file is not None
        needs_secret = self.client_auth in ("client_secret_basic", "client_secret_post")
        if needs_secret and not has_secret:
            raise wrong(f"client_auth {self.client_auth} needs client_secret or client_secret_file")
        if self.client_auth == "private_key_jwt" and not has_key:
            raise wrong(
                "client_auth private_key_jwt needs client_key_file or client_assertion_file"
            )
        if has_key and self.client_auth not in (None, "private_key_jwt"):
            raise wrong(f"client_auth {self.client_auth} does not use client_key")
        if self.client_auth == "none" and has_secret:
            raise wrong("client_auth none does not use client_secret")
        return self

    @model_validator(mode="after")
    def _can_show_its_certificate(self) -> Self:
        if self.tls != ProviderTlsSettings() and (self.internal_url or self.issuer)[:6] != "https:":
            raise wrong(f"tls needs an https {'internal_url' if self.internal_url else 'issuer'}")
        if self.client_auth != "tls_client_auth":
            return self
        if self.tls.cert_file is None:
            raise wrong("client_auth tls_client_auth needs tls.cert_file and tls.key_file")
        if self.client_secret is not None:
            raise wrong("client_auth tls_client_auth does not use client_secret")
        return self
