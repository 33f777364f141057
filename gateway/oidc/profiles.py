"""The differences between providers, as defaults for the configuration: data, no code.

You can override all of it in the file.  Nothing else in the gateway knows a provider by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.oidc.registration import POST_LOGOUT, ClaimNames, Names, Parameters
from gateway.settings.oauth2_profiles import GroupList

_BASIC_SCOPES = ("openid", "profile", "email")


@dataclass(frozen=True, slots=True)
class Profile:
    """Defaults for one kind of provider.

    Attributes:
        offline_params: Added to the authorization request if ``offline_access`` is in the scopes.
        offline_scope: Whether the provider accepts the scope ``offline_access``.
        offline_session: Whether that scope makes a session which a sign-out at the provider does
            not end; refresh tokens come without it.
        issuer_aliases: Spellings of ``iss`` that count as the configured issuer.
        assertion_audience: The required ``aud`` of private_key_jwt.
        client_auth: How a client with a secret authenticates; None to choose by discovery.
        post_logout_parameter: What the sign-out calls the URI to come back to.  With a name of its
            own, it knows no other parameter than the client id.
        logout_names_issuer: Whether a front-channel logout has the provider's issuer.
        roles_in_access_token: Whether groups and roles may be in the access token alone.
        key_signs_for: The ``aud`` of a client secret that is a JWT signed with the client's key;
            ``""`` if the provider takes client assertions instead (RFC 7523).
        name_in_answer: Whether the first answer to a sign-in, and no token, has the user's name.
        groups_overage: Lists all groups of a user who is in too many for a token; None if there is
            no such list.
        access_typ: The ``typ`` of every access token, in its header or payload; ``""`` if they
            have none.
    """

    scopes: Names = _BASIC_SCOPES
    claims: ClaimNames = field(default_factory=ClaimNames)
    authorize_params: Parameters = field(default_factory=dict)
    offline_params: Mapping[str, str] = field(default_factory=dict)
    offline_scope: bool = True
    offline_session: bool = False
    issuer_aliases: Names = ()
    assertion_audience: str = "token_endpoint"
    access_typ: str = ""
    response_mode: str = "query"
    nonce: str = "required"
    client_auth: str | None = None
    post_logout_parameter: str = POST_LOGOUT
    logout_names_issuer: bool = True
    roles_in_access_token: bool = False
    key_signs_for: str = ""
    name_in_answer: bool = False
    groups_overage: GroupList | None = None


PROFILES: Mapping[str, Profile] = {
    "generic": Profile(claims=ClaimNames(roles=("roles",), groups=("groups",))),
    # Roles come as {role: {organisation id: domain}}; client assertions must name the issuer as
    # the audience, not the endpoint.
    "zitadel": Profile(
        scopes=(*_BASIC_SCOPES, "urn:zitadel:iam:org:projects:roles"),
        claims=ClaimNames(roles=("urn:zitadel:iam:org:project:roles",)),
        assertion_audience="issuer",
    ),
    # Refresh tokens require consent (as in every provider based on node oidc-provider).
    "logto": Profile(
        scopes=(*_BASIC_SCOPES, "roles", "urn:logto:scope:organizations"),
        claims=ClaimNames(name=("name", "username"), roles=("roles",), groups=("organizations",)),
        offline_params={"prompt": "consent"},
        access_typ="at+jwt",
    ),
    # Its default mappers put roles into the access token only.
    "keycloak": Profile(
        claims=ClaimNames(roles=("/realm_access/roles",), groups=("groups",)),
        access_typ="bearer",
        offline_session=True,
        roles_in_access_token=True,
    ),
    "authentik": Profile(claims=ClaimNames(groups=("groups",))),
    "authelia": Profile(
        scopes=(*_BASIC_SCOPES, "groups"),
        claims=ClaimNames(groups=("groups",)),
        access_typ="at+jwt",
    ),
    # A token has at most 200 groups; Microsoft Graph has all, direct or not.  A front-channel
    # logout has a sid only.
    "entra": Profile(
        logout_names_issuer=False,
        claims=ClaimNames(roles=("roles",), groups=("groups",)),
        groups_overage=GroupList(
            "https://graph.microsoft.com/v1.0/me/transitiveMemberOf/microsoft.graph.group"
            "?$select=id&$top=999",
            ("/id",),
        ),
    ),
    # Refresh tokens are requested with a parameter; the scope would cause an error.
    "google": Profile(
        issuer_aliases=("accounts.google.com",),
        offline_params={"access_type": "offline", "prompt": "consent"},
        offline_scope=False,
    ),
    "auth0": Profile(claims=ClaimNames(name=("name", "nickname"))),
    "okta": Profile(scopes=(*_BASIC_SCOPES, "groups"), claims=ClaimNames(groups=("groups",))),
    # Userinfo has email_verified as text; refresh tokens come unrequested, and the scope would
    # cause an error.  Its end_session_endpoint has parameters of its own.
    "cognito": Profile(
        claims=ClaimNames(
            name=("name", "preferred_username", "cognito:username"),
            groups=("cognito:groups",),
            verified_as_text=True,
        ),
        offline_scope=False,
        post_logout_parameter="logout_uri",
    ),
    "dex": Profile(scopes=(*_BASIC_SCOPES, "groups"), claims=ClaimNames(groups=("groups",))),
    # The scope profile is unknown, and name and email need an answer by form.  The secret is a JWT
    # that expires after six months; email_verified may be a text.  Refresh tokens come unrequested.
    # The name comes once, in the form.
    "apple": Profile(
        scopes=("openid", "name", "email"),
        claims=ClaimNames(verified_as_text=True),
        offline_scope=False,
        response_mode="form_post",
        client_auth="client_secret_post",
        key_signs_for="https://appleid.apple.com",
        name_in_answer=True,
    ),
    # Its documentation still names the older issuer.  Discovery does not say that the secret must
    # be in the form.
    "linkedin": Profile(
        issuer_aliases=("https://www.linkedin.com",),
        claims=ClaimNames(name=("name",)),
        offline_scope=False,
        nonce="unless_absent",
        client_auth="client_secret_post",
    ),
    "pocket-id": Profile(scopes=(*_BASIC_SCOPES, "groups"), claims=ClaimNames(groups=("groups",))),
    # Groups come by id and by name@domain; refresh tokens come unrequested, and scopes that are
    # not mapped to a group are dropped.
    "kanidm": Profile(
        scopes=(*_BASIC_SCOPES, "groups"),
        claims=ClaimNames(groups=("groups",)),
        offline_scope=False,
    ),
    # Claims come from the app that asks for consent, often under ext.
    "hydra": Profile(
        claims=ClaimNames(roles=("roles", "/ext/roles"), groups=("groups", "/ext/groups"))
    ),
    "canaille": Profile(scopes=(*_BASIC_SCOPES, "groups"), claims=ClaimNames(groups=("groups",))),
    # The ID token has only the groups that a user is a direct member of, userinfo has all.
    # Refresh tokens come unrequested, and the scope would cause an error.
    "gitlab": Profile(
        claims=ClaimNames(name=("name", "nickname"), groups=("groups",)),
        offline_scope=False,
    ),
}
