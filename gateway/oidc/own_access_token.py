"""Groups and roles that a provider puts only into the access token of a sign-in.

Keycloak does by default.  The token is for others, so it is read only if the profile says so, and
only what the ID token and userinfo lack.
"""

from collections.abc import Mapping
from dataclasses import replace

from gateway.oidc.access_token import UnacceptableTokenError, judge_own
from gateway.oidc.bearer_issuer import is_jwt
from gateway.oidc.claim_look_up import has_claim
from gateway.oidc.claims import Person, merge
from gateway.oidc.keys import KeySource
from gateway.oidc.notices import Notices
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import BadTokenError, verify

# These say who the user is, which an access token does not.
_NEVER = frozenset({"sub", "iss", "email", "email_verified"})


async def with_own_access_token(
    person: Person,
    access_token: str | None,
    registration: Registration,
    keys: KeySource,
    now: float,
    notices: Notices,
) -> Person:
    """`person`, with the groups and roles that only `access_token` has.

    A token that is opaque, or not the provider's for this user and client, adds nothing.

    Raises:
        ProviderUnavailableError: The keys cannot be fetched.
    """
    members = _lacking(person, registration) if registration.roles_in_access_token else ()
    if not members or access_token is None or not is_jwt(access_token):
        return person
    try:
        signed = await verify(access_token, keys, registration.algorithms)
        judge_own(signed.header, signed.claims, registration.issuers, now)
        _judge_owner(signed.claims, person, registration)
    except (BadTokenError, UnacceptableTokenError) as error:
        notices.say("access-token", f"cannot read roles from the access token: {error}")
        return person
    found = {name: signed.claims[name] for name in members if name in signed.claims}
    return replace(person, userinfo={**found, **person.userinfo})


def _lacking(person: Person, registration: Registration) -> tuple[str, ...]:
    """The claims of groups and roles, by their top-level names, that are absent."""
    claims, wanted = merge(person.id_token, person.userinfo), registration.claims
    members = (
        _top(name)
        for names in (wanted.roles, wanted.groups)
        if not any(has_claim(claims, name) for name in names)
        for name in names
    )
    return tuple(it for it in members if it not in claims and it not in _NEVER)


def _top(name: str) -> str:
    if not name.startswith("/"):
        return name
    return name[1:].partition("/")[0].replace("~1", "/").replace("~0", "~")


def _judge_owner(claims: Mapping[str, object], person: Person, registration: Registration) -> None:
    if claims.get("sub") != person.id_token["sub"]:
        raise BadTokenError(f"sub is {claims.get('sub')!r}")
    party = claims.get("azp", claims.get("client_id"))
    if party != registration.client_id:
        raise BadTokenError(f"it was issued to {party!r}")
