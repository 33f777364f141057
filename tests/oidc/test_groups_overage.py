"""Groups of users in too many for a token: read elsewhere, or unread, and never just missing."""

import asyncio

import pytest

from gateway.oidc.configured import register
from gateway.oidc.groups_overage import all_groups
from gateway.oidc.refresh import refresh
from gateway.oidc.registration import ClaimNames
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from gateway.settings.oauth2_profiles import GroupList
from gateway.settings.providers import ProviderSettings
from tests.oidc.hostile import ACCESS_TOKEN, REFRESH_TOKEN, SUBJECT
from tests.patience import PATIENCE_S

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"
# As Entra ID writes them.
NAMES = {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://x"}}}
OVERAGE = [NAMES, {"hasgroups": True}, {"hasgroups": "true"}]


@pytest.fixture
def entra(make_provider, hostile):
    def make(**changes):
        where = GroupList(f"{hostile.issuer}/groups", ("/id",))
        return make_provider(groups_overage=where, **changes)

    return make


async def signed_in(provider, hostile):
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    return (await finish_sign_in(provider, flow, hostile.approve(location))).identity


@pytest.mark.parametrize("claims", OVERAGE)
@pytest.mark.parametrize(
    ("pages", "groups"),
    [
        ([["a", "b"]], ("a", "b")),
        ([["a"], ["b"], ["c"]], ("a", "b", "c")),
        ([[]], ()),
    ],
)
async def test_they_are_read_page_by_page(entra, hostile, claims, pages, groups):
    hostile.wrongs.claims, hostile.wrongs.groups_pages = claims, pages

    identity = await signed_in(entra(), hostile)

    assert identity.groups == groups
    assert {"groups", "groups[]"}.isdisjoint(identity.unreadable)


async def test_a_sign_in_makes_three_calls_and_two_of_them_at_once(entra, hostile):
    """Discovery and keys are kept; what is left is the token, userinfo and the groups."""
    hostile.wrongs.claims = OVERAGE[0]
    provider = entra()
    await signed_in(provider, hostile)
    hostile.requests.clear()
    both, asked = asyncio.Event(), set()
    handle = hostile.handle_found

    async def together(request, handler):
        if request.path in ("/userinfo", "/groups"):
            asked.add(request.path)
            if len(asked) == 2:
                both.set()
            await both.wait()
        return await handle(request, handler)

    hostile.handle_found = together
    async with asyncio.timeout(PATIENCE_S):
        identity = await signed_in(provider, hostile)

    assert identity.groups == ("g1", "g2")
    assert sorted(path for _, path in hostile.requests) == ["/groups", "/token", "/userinfo"]


@pytest.mark.parametrize(
    ("wrongs", "unread"),
    [
        ({"failures": {"/groups": "401"}}, "groups"),
        ({"failures": {"/groups": "403"}}, "groups"),
        ({"failures": {"/groups": "429"}}, "groups"),
        ({"failures": {"/groups": "500"}}, "groups"),
        ({"failures": {"/groups": "redirect"}}, "groups"),
        ({"failures": {"/groups": "huge"}}, "groups"),
        ({"failures": {"/groups": "garbage"}}, "groups"),
        ({"groups_pages": [["a"], ["b"]], "groups_origin": "http://127.0.0.1:1"}, "groups"),
        ({"groups_pages": [["a", {"x": 1}]]}, "groups[]"),
        ({"groups_pages": [["a"]] * 21}, "groups[]"),
    ],
)
async def test_without_a_whole_list_they_count_as_unread(entra, hostile, wrongs, unread):
    hostile.wrongs.claims = OVERAGE[0]
    for name, value in wrongs.items():
        setattr(hostile.wrongs, name, value)

    identity = await signed_in(entra(), hostile)

    assert unread in identity.unreadable
    assert hostile.count("/groups") <= 20


async def test_the_token_says_nothing_of_where(entra, hostile):
    """Only the file and the profile name an address that gets the access token."""
    sources = {"src1": {"endpoint": f"{hostile.issuer}/evil"}}
    hostile.wrongs.claims = {**NAMES, "_claim_sources": sources}

    await signed_in(entra(), hostile)

    assert hostile.count("/evil") == 0
    assert hostile.count("/groups") == 1


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({"groups": ["g"], **NAMES}, ("groups",)),
        ({}, ("groups",)),
        ({"hasgroups": False}, ("groups",)),
        ({"_claim_names": {"groups": "src1"}}, ("/groups/*/id",)),
        ({"_claim_names": {"groups": "src1"}}, ()),
    ],
)
async def test_nobody_is_asked_where_nothing_is_elsewhere(entra, hostile, claims, names):
    hostile.wrongs.claims = claims

    await signed_in(entra(claims=ClaimNames(groups=names)), hostile)

    assert hostile.count("/groups") == 0


async def test_by_default_they_stay_unread(make_provider, hostile):
    hostile.wrongs.claims = OVERAGE[0]

    identity = await signed_in(make_provider(), hostile)

    assert "groups" in identity.unreadable
    assert hostile.count("/groups") == 0


async def test_a_refresh_reads_them_again_or_keeps_what_was_known(entra, hostile):
    hostile.wrongs.claims = OVERAGE[0]
    provider = entra()
    before = await signed_in(provider, hostile)

    hostile.wrongs.groups_pages = [["g3"]]
    hostile.wrongs.tokens = {"id_token": hostile.id_token(None)}
    after = await refresh(provider, REFRESH_TOKEN, before, None)
    assert after.identity.groups == ("g3",)

    hostile.wrongs.failures = {"/groups": "503"}
    kept = await refresh(provider, REFRESH_TOKEN, after.identity, None)
    assert kept.identity is after.identity


async def test_an_apps_own_token_is_not_sent_there(entra, hostile):
    person = await entra().for_app("ios").person({"sub": SUBJECT, **NAMES}, ACCESS_TOKEN)

    assert person.userinfo["sub"] == SUBJECT
    assert hostile.count("/groups") == 0


async def test_a_list_that_does_not_end_in_time_is_an_outage(hostile, http, monkeypatch):
    monkeypatch.setattr("gateway.oidc.groups_overage._ALL_PAGES_S", 0.01)
    hostile.wrongs.failures = {"/groups": "hang"}
    found = register("e", entra_settings(groups_endpoint=f"{hostile.issuer}/groups"))

    with pytest.raises(Exception, match="did not come in time"):
        await all_groups(NAMES, ACCESS_TOKEN, found, http, lambda *_: None)


def entra_settings(**changes):
    return ProviderSettings(
        **{
            "issuer": "https://login.microsoftonline.com/t1/v2.0",
            "profile": "entra",
            "client_id": "c",
            "groups_overage": "graph",
            **changes,
        }
    )


def test_the_profile_has_the_address_and_another_cloud_another():
    found = register("e", entra_settings()).groups_overage
    other = register("e", entra_settings(groups_endpoint="https://graph.microsoft.us/x"))

    assert found.endpoint.startswith("https://graph.microsoft.com/v1.0/me/transitiveMemberOf/")
    assert found.members == ("/id",)
    assert other.groups_overage == GroupList("https://graph.microsoft.us/x", ("/id",))
    assert register("e", entra_settings(groups_overage="unread")).groups_overage is None


@pytest.mark.parametrize(
    "changes",
    [
        {"profile": "generic"},
        {"groups_overage": "unread", "groups_endpoint": "https://graph.microsoft.us/x"},
        {"groups_overage": "yes"},
    ],
)
def test_what_does_not_fit_is_refused(changes):
    with pytest.raises(ValueError, match="groups_"):
        entra_settings(**changes)
