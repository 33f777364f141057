"""Roles that are in the access token alone, and what such a token must prove to be read."""

import pytest

from gateway.oidc.refresh import refresh
from gateway.oidc.registration import ClaimNames
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from tests.fixtures import clock
from tests.oidc.hostile import CLIENT_ID, REFRESH_TOKEN, SUBJECT, Wrongs, at_hash, sign, tampered

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"
NOW = int(clock.NOW)
NAMES = ClaimNames(roles=("/realm_access/roles",), groups=("groups",))


@pytest.fixture
def keycloak(make_provider):
    return make_provider(claims=NAMES, roles_in_access_token=True)


def access_token(hostile, changes=(), header=None, **signing):
    """One like Keycloak's, which names no audience of ours."""
    claims = {
        "iss": hostile.issuer,
        "typ": "Bearer",
        "aud": "account",
        "azp": CLIENT_ID,
        "sub": SUBJECT,
        "exp": NOW + 300,
        "iat": NOW,
        "email": "root@example.com",
        "realm_access": {"roles": ["editor"]},
        **dict(changes),
    }
    return sign({k: v for k, v in claims.items() if v is not None}, header=header, **signing)


def give(hostile, token, claims=()):
    """Have the provider give this token, and no userinfo."""
    hostile.wrongs = Wrongs(
        tokens={"access_token": token},
        claims={"at_hash": at_hash(token), **dict(claims)},
        discovery={"userinfo_endpoint": None},
    )


async def sign_in(provider, hostile):
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    return await finish_sign_in(provider, flow, hostile.approve(location))


async def test_roles_come_from_the_access_token_if_nothing_else_has_them(keycloak, hostile):
    give(hostile, access_token(hostile))

    found = await sign_in(keycloak, hostile)

    assert found.identity.roles == ("editor",)
    # Nothing else of it counts.
    assert found.identity.email is None
    assert "azp" not in found.identity.claims
    hostile.wrongs.claims = {**hostile.wrongs.claims, "nonce": None}
    token = access_token(hostile, {"realm_access": {"roles": ["reader"]}})
    give(hostile, token, {"nonce": None})
    after = await refresh(keycloak, REFRESH_TOKEN, found.identity, found.tokens.id_token)
    assert after.identity.roles == ("reader",)


async def test_what_the_id_token_says_is_not_replaced(keycloak, hostile):
    give(hostile, access_token(hostile), {"realm_access": {"roles": ["reader"]}})
    assert (await sign_in(keycloak, hostile)).identity.roles == ("reader",)

    give(hostile, access_token(hostile), {"realm_access": {}})
    assert (await sign_in(keycloak, hostile)).identity.roles == ()


async def test_other_profiles_read_no_access_token(make_provider, hostile):
    give(hostile, access_token(hostile))

    assert (await sign_in(make_provider(claims=NAMES), hostile)).identity.roles == ()


@pytest.mark.parametrize(
    ("changes", "signing"),
    [
        ({"iss": "https://evil.example"}, {}),
        ({"iss": None}, {}),
        ({"sub": "somebody-else"}, {}),
        ({"sub": None}, {}),
        ({"azp": "another-client"}, {}),
        ({"azp": None}, {}),
        ({"exp": NOW - 61}, {}),
        ({"exp": None}, {}),
        ({"typ": "ID"}, {}),
        ({"typ": "Refresh"}, {}),
        ({}, {"header": {"typ": "logout+jwt"}}),
        ({}, {"key": "rsa-stranger"}),
        ({}, {"key": "a-secret-of-at-least-thirty-two-bytes", "alg": "HS256"}),
        ({}, {"alg": "none"}),
    ],
)
async def test_a_token_that_does_not_verify_adds_nothing_and_is_told_once(
    keycloak, hostile, caplog, changes, signing
):
    for _ in range(2):
        give(hostile, access_token(hostile, changes, **signing))
        assert (await sign_in(keycloak, hostile)).identity.roles == ()

    told = [it for it in caplog.messages if "cannot read roles from the access token" in it]
    assert len(told) == 1


@pytest.mark.parametrize("token", ["opaque", "e30.e30"])
async def test_an_opaque_token_adds_nothing(keycloak, hostile, caplog, token):
    give(hostile, token)

    assert (await sign_in(keycloak, hostile)).identity.roles == ()
    assert not caplog.messages


async def test_a_tampered_token_adds_nothing(keycloak, hostile):
    give(hostile, tampered(access_token(hostile)))

    assert (await sign_in(keycloak, hostile)).identity.roles == ()
