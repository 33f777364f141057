"""What an app may exchange: its own users' tokens, and nobody else's."""

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.subject_token import InvalidSubjectTokenError, SubjectTokens
from tests.oidc.hostile import ACCESS_TOKEN, SUBJECT, Wrongs, sign

API = "https://api.example.com"


@pytest.fixture
def subjects(make_provider, clock):
    """What judges an app's tokens: ``subjects(introspected={"active": True})``."""

    def make(introspected=None, **changes):
        async def introspect(_token):
            return introspected

        app = make_provider(**changes).for_app("ios")
        return SubjectTokens(app, frozenset({"ios-tokens", API}), clock, introspect)

    return make


@pytest.fixture
def claims(hostile, clock):
    def make(**changes):
        now = int(clock())
        right = {"iss": hostile.issuer, "aud": API, "sub": SUBJECT, "iat": now, "exp": now + 60}
        found = {**right, "preferred_username": "alice", **changes}
        return {name: it for name, it in found.items() if it is not None}

    return make


PARTIES = [
    ({}, True),
    ({"azp": "ios"}, True),
    ({"client_id": "ios"}, True),
    ({"client_id": "ios-tokens", "azp": "ios-tokens"}, True),
    ({"azp": "other"}, False),
    ({"client_id": "other"}, False),
    ({"cid": "other"}, False),
    ({"appid": "other"}, False),
    ({"azp": "ios-tokens", "client_id": "other"}, False),
    ({"client_id": ["ios"]}, False),
    ({"client_id": ""}, False),
]


@pytest.mark.parametrize(("party", "good"), PARTIES)
async def test_an_access_token_that_was_issued_to_another_app_is_refused(
    subjects, claims, party, good
):
    judge = subjects(introspected=claims(**party)).read_access_token

    for token in (sign(claims(**party)), ACCESS_TOKEN):
        if good:
            assert (await judge(token)).identity.subject == SUBJECT
        else:
            with pytest.raises(InvalidSubjectTokenError):
                await judge(token)


async def test_an_access_token_of_the_same_project_is_no_id_token_of_the_app(subjects, claims):
    # Zitadel names every client of the project in aud, and the one it is for in client_id.
    token = sign(claims(aud=["other", "ios-tokens", "project"], client_id="other"))

    with pytest.raises(InvalidSubjectTokenError):
        await subjects().read_id_token(token)
    with pytest.raises(InvalidSubjectTokenError):
        await subjects().read_access_token(token)


@pytest.mark.parametrize("about", [{"sub": None}, {"sub": "ios"}])
async def test_a_client_is_nobody_who_could_be_signed_in(subjects, claims, about):
    introspected = claims(client_id="ios", **about)

    with pytest.raises(InvalidSubjectTokenError, match="not a person"):
        await subjects(introspected).read_access_token(ACCESS_TOKEN)


async def test_an_issuer_that_names_neither_subject_nor_client_is_refused(subjects, claims):
    with pytest.raises(InvalidSubjectTokenError):
        await subjects(claims(sub=None)).read_access_token(ACCESS_TOKEN)


async def test_what_an_id_token_leaves_to_userinfo_is_not_known(subjects, claims, hostile):
    token = sign(claims(aud="ios-tokens"))
    whole = {"email": "a@example.com", "email_verified": True, "name": "A"}
    full = sign(claims(aud="ios-tokens", groups=["staff"], roles=["user"], **whole))

    found = (await subjects().read_id_token(token)).identity.unreadable
    assert found == {"email", "groups", "roles", "*"}
    assert (await subjects().read_id_token(full)).identity.unreadable == frozenset()
    assert hostile.count("/userinfo") == 0


async def test_what_userinfo_refuses_to_say_to_an_access_token_is_not_known(
    subjects, claims, hostile
):
    # One for an API alone, which is none for userinfo (RFC 8707, section 2.2).
    token = sign(claims(client_id="ios"))

    found = (await subjects().read_access_token(token)).identity.unreadable

    assert found == {"email", "groups", "roles", "*"}
    assert hostile.count("/userinfo") == 2


async def test_userinfo_that_fails_begins_no_session(subjects, claims, hostile):
    hostile.wrongs.failures = {"/userinfo": "500"}

    with pytest.raises(ProviderUnavailableError, match="status 500"):
        await subjects().read_access_token(sign(claims(client_id="ios")))


async def test_what_a_provider_without_userinfo_does_not_say_is_not_there(
    subjects, claims, hostile
):
    hostile.wrongs = Wrongs(discovery={"userinfo_endpoint": None})

    identity = (await subjects().read_id_token(sign(claims(aud="ios-tokens")))).identity

    assert (identity.groups, identity.unreadable) == ((), frozenset())


def id_token(claims, **changes):
    """An ID token without nonce and hashes, as a refresh gives it."""
    return claims(**{"aud": "ios-tokens", "azp": "ios-tokens", "auth_time": 7, **changes})


async def test_an_id_token_is_no_access_token_whatever_it_is_declared_as(subjects, claims):
    about = id_token(claims)

    assert (await subjects().read_id_token(sign(about))).identity.subject == SUBJECT
    for wrong in (
        about,
        id_token(claims, aud=["ios-tokens", "project", "https://other.example.com"]),
        id_token(claims, aud=["ios-tokens", {}, 7]),
        id_token(claims, nonce="n"),
        id_token(claims, at_hash="h", scope="openid"),
        id_token(claims, typ="ID", scope="openid"),
    ):
        with pytest.raises(InvalidSubjectTokenError):
            await subjects().read_access_token(sign(wrong))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({}, {"aud": API}),
        ({}, {"aud": ["ios-tokens", API]}),
        ({"typ": "at+jwt"}, {}),
        ({"typ": "application/at+jwt"}, {}),
        ({}, {"typ": "Bearer"}),
        ({}, {"scope": "openid"}),
        ({}, {"scp": ["openid"]}),
        ({}, {"client_id": "ios"}),
        ({}, {"cid": "ios"}),
        ({}, {"token_use": "access"}),
    ],
)
async def test_an_access_token_is_known_by_any_of_its_marks(subjects, claims, header, said):
    token = sign(id_token(claims, **said), header=header)

    assert (await subjects().read_access_token(token)).identity.subject == SUBJECT


@pytest.mark.parametrize(
    ("kind", "header", "said", "good"),
    [
        ("at+jwt", {"typ": "at+jwt"}, {}, True),
        ("at+jwt", {"typ": "application/AT+JWT"}, {}, True),
        ("at+jwt", {}, {"scope": "openid", "aud": API}, False),
        ("at+jwt", {"typ": None}, {"client_id": "ios"}, False),
        ("bearer", {}, {"typ": "Bearer"}, True),
        ("bearer", {}, {"scope": "openid"}, False),
    ],
)
async def test_a_provider_that_marks_its_access_tokens_is_held_to_it(
    subjects, claims, kind, header, said, good
):
    judge = subjects(access_typ=kind).read_access_token
    token = sign(id_token(claims, **said), header=header)

    if good:
        assert (await judge(token)).identity.subject == SUBJECT
    else:
        with pytest.raises(InvalidSubjectTokenError, match="of access tokens"):
            await judge(token)
