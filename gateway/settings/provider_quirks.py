"""What a few providers do differently: tenants, response modes, nonces, algorithms, endpoints."""

import re
from collections.abc import Collection, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from gateway.settings.addresses import parse_web_url
from gateway.settings.algorithms import Algorithm
from gateway.settings.oauth2_profiles import GROUP, OAUTH2_PROFILES, OAuth2Profile
from gateway.settings.scalars import Text, quote, wrong
from gateway.settings.tenants import PLACE, has_tenants

ResponseMode = Literal["query", "form_post"]
Nonce = Literal["required", "unless_absent"]
# Of the algorithms with a shared secret, the one that providers offer.
ProviderAlgorithm = Literal[Algorithm, "HS256"]
# RFC 7518, section 3.2: as long as the hash at least.
MIN_HMAC_SECRET_BYTES = 32
# Of a provider of plain OAuth 2.0: the first three are needed, and all but the first two get an
# access token.
ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "emails_endpoint",
    "groups_endpoint",
)


def _tenant(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9-]+", text) is None:
        raise wrong(f"{quote(text)} is not a tenant id (write the value of the claim tid)")
    return text


def _group_id(text: str) -> str:
    # It becomes a segment of a path, where nothing may mean another one.
    if re.fullmatch(r"[A-Za-z0-9_-]+", text) is None:
        raise wrong(f"{quote(text)} is not a group's id (letters, digits, - and _)")
    return text


def _roles_endpoint(value: object) -> str:
    text = parse_web_url(value)
    if GROUP not in urlsplit(text).path:
        raise wrong(f"{quote(text)} needs {GROUP} in its path, where the group's id goes")
    return text


Tenant = Annotated[Text, AfterValidator(_tenant)]
GroupId = Annotated[Text, AfterValidator(_group_id)]
RolesEndpoint = Annotated[
    str,
    PlainValidator(_roles_endpoint),
    WithJsonSchema({"type": "string", "pattern": r"^https?://.*\{group\}"}),
]


def judge_tenants(issuer: str, tenants: Collection[str]) -> None:
    """Check that `tenants` are listed where, and only where, `issuer` has a place for one.

    Raises:
        ValueError: They are not.
    """
    if has_tenants(issuer) and not tenants:
        raise wrong(f"an issuer with {PLACE} needs tenants: the ids of those that may come in")
    if tenants and not has_tenants(issuer):
        raise wrong(f"tenants needs an issuer with {PLACE} in it")


def judge_algorithms(algorithms: Collection[str], secret: str | None) -> None:
    """Check that there is a good `secret` for the algorithm that needs one.

    Raises:
        ValueError: There is none.
    """
    if "HS256" not in algorithms:
        return
    if secret is None:
        raise wrong("algorithms: HS256 needs client_secret_file")
    if len(secret.encode()) < MIN_HMAC_SECRET_BYTES:
        raise wrong(
            f"algorithms: HS256 needs a client secret of at least {MIN_HMAC_SECRET_BYTES} bytes"
        )


def judge_endpoints(profile_name: str, given: Mapping[str, str | None]) -> None:
    """Refuse a provider of plain OAuth 2.0 whose endpoints, `given` by name, do not suffice.

    Raises:
        PydanticCustomError: The profile has none, or its own would get another service's tokens.
    """
    profile = OAUTH2_PROFILES.get(profile_name)
    known = ", ".join(OAUTH2_PROFILES)
    if profile is None:
        raise wrong(f"profile {profile_name} is of OpenID Connect; with type: oauth2: {known}")
    for name in ENDPOINTS[:3]:
        if given[name] is None and not getattr(profile, name):
            raise wrong(f"type: oauth2 needs {name}, or a profile: {known}")
    if not profile.is_left(given["token_endpoint"]):
        return
    for name in ENDPOINTS[2:]:
        of_profile = profile.groups if name == "groups_endpoint" else getattr(profile, name)
        if of_profile and given[name] is None:
            raise wrong(
                f"token_endpoint is not of {profile_name}, which would get its tokens at its own"
                f" {name}: set that too, or profile: generic"
            )


def judge_roles(
    profile: OAuth2Profile, groups: Collection[str], given: Mapping[str, str | None]
) -> None:
    """Check that roles in `groups` can be asked about, and at the service of the tokens.

    `given` has the endpoints of the file by name.

    Raises:
        PydanticCustomError: They cannot.
    """
    endpoint = given["roles_endpoint"]
    if endpoint is not None and not groups:
        raise wrong("roles_endpoint needs roles_in: the groups to ask about")
    if not groups:
        return
    if not profile.groups and given["groups_endpoint"] is None:
        raise wrong("roles_in needs groups_endpoint: only groups of the user are asked about")
    if endpoint is not None:
        return
    if profile.member_roles is None:
        raise wrong("roles_in needs roles_endpoint, or profile: discord")
    if profile.is_left(given["token_endpoint"]):
        raise wrong("roles_in needs roles_endpoint, since token_endpoint is another service's")
