"""Builds a provider's Registration from its settings and the profile's defaults."""

from dataclasses import replace

from gateway.oidc.given_endpoints import ENDPOINTS, Given
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.name_steps import steps_of
from gateway.oidc.profiles import PROFILES, Profile
from gateway.oidc.registration import OFFLINE, ClaimNames, Names, OAuth2, Registration
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES, GroupList, MemberRoles, OAuth2Profile
from gateway.settings.providers import ProviderSettings
from gateway.wording import phrase


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
        client_key_id=settings.client_key_id,
        client_assertion_file=settings.client_assertion_file,
        client_auth=settings.client_auth or _client_auth(settings, profile),
        key_signs_for=profile.key_signs_for,
        team_id=settings.team_id or "",
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
        post_logout_parameter=profile.post_logout_parameter,
        # Of several tenants, a session id alone does not tell which.
        logout_names_issuer=profile.logout_names_issuer or bool(settings.tenants),
        nonce_may_be_absent=(settings.nonce or profile.nonce) == "unless_absent",
        groups_overage=_groups_overage(settings, profile),
        name_in_answer=profile.name_in_answer,
        pushed_authorization=settings.pushed_authorization,
        internal_url=settings.internal_url,
        endpoints=given_endpoints(settings),
        label=settings.label or phrase("Sign in with %(provider)s", provider=name),
    )


def given_endpoints(settings: ProviderSettings) -> Given:
    """The endpoints of OpenID Connect that `settings` have."""
    if settings.type == "oauth2":
        return {}
    return {
        name: url for name in ENDPOINTS if isinstance(url := getattr(settings, name), str) and url
    }


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
        scopes=_oauth2_scopes(settings, profile),
        authorize_params=settings.authorize_params,
        claims=ClaimNames(
            user=_chosen(claims.user, profile.user),
            email=_chosen(claims.email, profile.email),
            name=_chosen(claims.name, profile.name),
            roles=claims.roles.names or (),
            groups=_chosen(claims.groups.names, profile.groups_claim),
            role_steps=steps_of(claims.roles),
            group_steps=steps_of(claims.groups, fold_case=profile.fold_case),
        ),
        assume_email_verified=settings.email_verified == "assume",
        # Services that tell their issuer do not agree on the slash at its end.
        issuer_aliases=(issuer, f"{issuer}/", *profile.also),
        label=settings.label or phrase("Sign in with %(provider)s", provider=name),
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
            member_roles=_member_roles(settings, profile),
            roles_in=settings.roles_in,
        ),
    )


def _oauth2_scopes(settings: ProviderSettings, profile: OAuth2Profile) -> Names:
    if settings.scopes is not None:
        return settings.scopes
    more = profile.member_roles.scopes if profile.member_roles and settings.roles_in else ()
    return (*profile.scopes, *more)


def _member_roles(settings: ProviderSettings, profile: OAuth2Profile) -> MemberRoles | None:
    if not settings.roles_in or settings.roles_endpoint is None:
        return profile.member_roles
    known = profile.member_roles or MemberRoles("")
    return replace(known, endpoint=settings.roles_endpoint)


def _client_auth(settings: ProviderSettings, profile: Profile) -> str | None:
    is_secret = settings.client_secret is not None or bool(
        profile.key_signs_for and settings.client_key
    )
    return profile.client_auth if is_secret else None


def _groups_overage(settings: ProviderSettings, profile: Profile) -> GroupList | None:
    if settings.groups_overage != "graph" or profile.groups_overage is None:
        return None
    endpoint = settings.groups_endpoint or profile.groups_overage.endpoint
    return replace(profile.groups_overage, endpoint=endpoint)


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
        roles=_chosen(settings.claims.roles.names, profile.claims.roles),
        groups=_chosen(settings.claims.groups.names, profile.claims.groups),
        verified_as_text=profile.claims.verified_as_text,
        role_steps=steps_of(settings.claims.roles),
        group_steps=steps_of(settings.claims.groups),
    )
