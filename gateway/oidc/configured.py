"""Builds a provider's Registration from its settings and the profile's defaults."""

from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.profiles import PROFILES, Profile
from gateway.oidc.registration import ClaimNames, Names, Registration
from gateway.settings.providers import ProviderSettings

OFFLINE = "offline_access"


def register(name: str, settings: ProviderSettings) -> Registration:
    """The registration for `settings`; the profile supplies what they leave out."""
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
        client_auth=settings.client_auth,
        assertion_audience=profile.assertion_audience,
        access_typ=profile.access_typ,
        scopes=scopes,
        authorize_params={**profile.authorize_params, **offline, **settings.authorize_params},
        algorithms=tuple(sorted(ASYMMETRIC)),
        claims=_claims(settings, profile),
        assume_email_verified=settings.email_verified == "assume",
        issuer_aliases=profile.issuer_aliases,
        label=settings.label or f"Sign in with {name}",
    )


def _claims(settings: ProviderSettings, profile: Profile) -> ClaimNames:
    def chosen(configured: Names | None, default: Names) -> Names:
        return default if configured is None else configured

    return ClaimNames(
        user=chosen(settings.claims.user, profile.claims.user),
        email=chosen(settings.claims.email, profile.claims.email),
        name=chosen(settings.claims.name, profile.claims.name),
        roles=chosen(settings.claims.roles, profile.claims.roles),
        groups=chosen(settings.claims.groups, profile.claims.groups),
        verified_as_text=profile.claims.verified_as_text,
        split=settings.claims.split or "",
    )
