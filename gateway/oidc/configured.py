"""Builds a provider's Registration from its settings and the profile's defaults."""

from dataclasses import replace

from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.profiles import PROFILES, Profile
from gateway.oidc.registration import OFFLINE, ClaimNames, Names, OAuth2, Registration
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES, GroupList
from gateway.settings.providers import ProviderSettings


def register(name: str, settings: ProviderSettings) -> Registration:
    """The registration for `settings`; the profile supplies what they leave out."""
    if settings.type == "oauth2":
        return _register_oauth2(name, settings)
    profile = PROFILES[settings.profile]
    asked = profile.scopes if settings.scopes is None else settings.scopes
    offline = profile.offline_params if OFFLINE in asked else {}
    scopes = tuple(s for s in asked if s != OFFLINE or profile.offline_scope)
    return Registration(
        name=name,
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        client_key=settings.client_key,
        client_auth=settings.client_auth or _client_auth(settings, profile),
        assertion_audience=profile.assertion_audience,
        access_typ=profile.access_typ,
        scopes=scopes,
        offline=OFFLINE in asked,
        offline_session=profile.offline_session,
        roles_in_access_token=profile.roles_in_access_token,
        authorize_params={
            **profile.authorize_params,
            **offline,
            **settings.authorize_params,
            **_response_mode(settings, profile),
        },
        algorithms=settings.algorithms or tuple(sorted(ASYMMETRIC)),
        claims=_claims(settings, profile),
        assume_email_verified=settings.email_verified == "assume",
        issuer_aliases=profile.issuer_aliases,
        tenants=settings.tenants,
        nonce_may_be_absent=(settings.nonce or profile.nonce) == "unless_absent",
        internal_url=settings.internal_url,
        label=settings.label or f"Sign in with {name}",
    )


def _register_oauth2(name: str, settings: ProviderSettings) -> Registration:
    profile, claims = OAUTH2_PROFILES[settings.profile], settings.claims
    issuer = settings.issuer.rstrip("/")

    def endpoint(configured: str | None, default: str) -> str:
        return default.format(issuer=issuer) if configured is None else configured

    if settings.groups_endpoint is None:
        groups = tuple(
            replace(it, endpoint=it.endpoint.format(issuer=issuer)) for it in profile.groups
        )
    else:
        members = () if claims.group is None else (claims.group,)
        groups = (GroupList(settings.groups_endpoint, members),)
    return Registration(
        name=name,
        issuer=settings.issuer,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        client_auth=settings.client_auth,
        scopes=profile.scopes if settings.scopes is None else settings.scopes,
        authorize_params=settings.authorize_params,
        claims=ClaimNames(
            user=_chosen(claims.user, profile.user),
            email=_chosen(claims.email, profile.email),
            name=_chosen(claims.name, profile.name),
            roles=claims.roles or (),
            groups=_chosen(claims.groups, profile.groups_claim),
            split=claims.split or "",
        ),
        assume_email_verified=settings.email_verified == "assume",
        # Services that tell their issuer do not agree on the slash at its end.
        issuer_aliases=(issuer, f"{issuer}/", *profile.also),
        label=settings.label or f"Sign in with {name}",
        oauth2=OAuth2(
            authorization_endpoint=endpoint(
                settings.authorization_endpoint, profile.authorization_endpoint
            ),
            token_endpoint=endpoint(settings.token_endpoint, profile.token_endpoint),
            userinfo_endpoint=endpoint(settings.userinfo_endpoint, profile.userinfo_endpoint),
            emails_endpoint=endpoint(settings.emails_endpoint, profile.emails_endpoint),
            revocation_endpoint=""
            if profile.is_left(settings.token_endpoint)
            else profile.revocation_endpoint.format(issuer=issuer),
            groups=groups,
            subject=profile.subject if claims.subject is None else (claims.subject,),
            email_verified=profile.email_verified,
            client_auth=profile.client_auth,
            account_prompt=profile.account_prompt,
            recheck_s=settings.recheck,
        ),
    )


def _client_auth(settings: ProviderSettings, profile: Profile) -> str | None:
    return None if settings.client_secret is None else profile.client_auth


def _response_mode(settings: ProviderSettings, profile: Profile) -> dict[str, str]:
    # Query is what `response_type=code` means without it.
    mode = settings.response_mode or profile.response_mode
    return {} if mode == "query" else {"response_mode": mode}


def _chosen(configured: Names | None, default: Names) -> Names:
    return default if configured is None else configured


def _claims(settings: ProviderSettings, profile: Profile) -> ClaimNames:
    return ClaimNames(
        user=_chosen(settings.claims.user, profile.claims.user),
        email=_chosen(settings.claims.email, profile.claims.email),
        name=_chosen(settings.claims.name, profile.claims.name),
        roles=_chosen(settings.claims.roles, profile.claims.roles),
        groups=_chosen(settings.claims.groups, profile.claims.groups),
        verified_as_text=profile.claims.verified_as_text,
        split=settings.claims.split or "",
    )
