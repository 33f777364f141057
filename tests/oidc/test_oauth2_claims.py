"""What a plain OAuth 2.0 provider tells of a user, as claims."""

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.oauth2_claims import UNREAD, claims_of, group_names, next_page
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES

GITHUB = OAUTH2_PROFILES["github"]


def test_an_organisation_and_its_teams_are_groups_as_documented():
    orgs, teams = GITHUB.groups
    # https://docs.github.com/en/rest/orgs/orgs and /rest/teams/teams, shortened.
    found = [
        *group_names([{"login": "github", "id": 1, "node_id": "MDEyOk9="}], orgs.members),
        *group_names(
            [{"id": 1, "slug": "justice-league", "organization": {"login": "github", "id": 1}}],
            teams.members,
        ),
    ]

    assert found == ["github", "github/justice-league"]


@pytest.mark.parametrize(
    "item",
    [None, {}, "x", 7, {"slug": "a"}, {"slug": "", "organization": {"login": "b"}}]
    + [{"slug": slug, "organization": {"login": "b"}} for slug in (None, True, {}, "c/d")],
)
def test_what_is_no_team_is_unread(item):
    assert list(group_names([item], GITHUB.groups[1].members)) == [UNREAD]


def test_texts_are_names_themselves():
    assert list(group_names(["a/b", "c", None, 7], ())) == ["a/b", "c", UNREAD, "7"]


@pytest.mark.parametrize("verified", [True, False, None, "true"])
def test_the_mark_of_an_email_is_where_the_profile_says(verified):
    user = {"id": "80351110224678912", "email": "nelly@example.com", "verified": verified}

    claims = claims_of(user, "80351110224678912", verified="verified", emails=None, groups=None)

    assert claims["email_verified"] is verified
    assert "groups" not in claims


def test_userinfo_says_nothing_of_how_the_user_signed_in():
    user = {"sub": "7", "iss": "https://evil.example", "acr": "gold", "amr": ["mfa"], "sid": "1"}

    assert claims_of(user, "7", verified="email_verified", emails=None, groups=None) == {"sub": "7"}


@pytest.mark.parametrize(
    ("link", "document", "following"),
    [
        ("", [], None),
        ('<https://api.example/x?page=2>; rel="next"', [], "https://api.example/x?page=2"),
        ("</x?page=2>; rel=next", [], "https://api.example/x?page=2"),
        (
            '<https://api.example/x?page=1>; rel="prev",'
            ' <https://api.example/x?page=3>; title="a, b"; rel="last next"',
            [],
            "https://api.example/x?page=3",
        ),
        ('<https://api.example/x?page=9>; rel="last"', [], None),
        ('<https://api.example/x?page=9>; rel="nextish"', [], None),
        ("garbage, <; rel=next", [], None),
        (
            "",
            {"values": [], "next": "https://api.example/x?page=2"},
            "https://api.example/x?page=2",
        ),
        ("", {"values": [], "next": {"url": "/"}}, None),
    ],
)
def test_the_next_page_is_found(link, document, following):
    assert next_page("https://api.example/x", link, document) == following


@pytest.mark.parametrize(
    "there",
    [
        "https://evil.example/x?page=2",
        "http://api.example/x?page=2",
        "https://api.example:8443/x",
        "//evil.example/x",
        "https://api.example@evil.example/x",
        "https://api.example:port/",
    ],
)
def test_a_page_elsewhere_is_not_asked_for(there):
    with pytest.raises(ProviderUnavailableError):
        next_page("https://api.example/x", f'<{there}>; rel="next"', [])
