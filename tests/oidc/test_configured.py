"""The configuration counts; what it leaves open comes from the profile."""

from typing import get_args

import pytest

from gateway.oidc.configured import register
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.profiles import PROFILES
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES
from gateway.settings.providers import Profile, ProviderSettings

OF_OIDC = [it for it in get_args(Profile) if it == "generic" or it not in OAUTH2_PROFILES]


def configured(**values):
    return register("p", ProviderSettings(issuer="https://id", client_id="c", **values))


def test_every_profile_that_can_be_configured_is_there():
    assert set(get_args(Profile)) <= {*PROFILES, *OAUTH2_PROFILES}


def test_only_cognito_is_known_to_quote_the_mark_of_an_email():
    quoting = [n for n in OF_OIDC if configured(profile=n).claims.verified_as_text]

    assert quoting == ["cognito"]


@pytest.mark.parametrize("name", OF_OIDC)
def test_every_profile_makes_a_registration(name):
    found = configured(profile=name)

    assert found.scopes[0] == "openid"
    assert found.claims.user == ("sub",)
    assert set(found.algorithms) == ASYMMETRIC
    assert not found.assume_email_verified


def test_what_is_configured_counts():
    found = configured(
        profile="zitadel",
        client_secret="s",
        client_auth="client_secret_post",
        scopes=["openid", "groups"],
        authorize_params={"prompt": "login"},
        email_verified="assume",
        claims={"user": "email", "groups": ["/a/b", "groups"], "split": ","},
        label="Go",
    )

    assert (found.client_secret, found.client_auth) == ("s", "client_secret_post")
    assert found.scopes == ("openid", "groups")
    assert found.authorize_params == {"prompt": "login"}
    assert found.assume_email_verified
    assert (found.claims.user, found.claims.groups) == (("email",), ("/a/b", "groups"))
    assert found.claims.split == ","
    assert configured().claims.split == ""
    assert found.claims.roles == ("urn:zitadel:iam:org:project:roles",)
    assert found.label == "Go"
    assert "'s'" not in repr(found)


def test_a_refresh_token_is_asked_for_as_the_provider_wants():
    scopes = ["openid", "offline_access"]

    logto = configured(profile="logto", scopes=scopes)
    google = configured(profile="google", scopes=scopes)

    assert logto.authorize_params == {"prompt": "consent"}
    assert "offline_access" in logto.scopes
    assert google.authorize_params == {"access_type": "offline", "prompt": "consent"}
    assert google.scopes == ("openid",)
    assert google.issuers == {"https://id", "accounts.google.com"}
    assert configured(profile="logto").authorize_params == {}
    mine = configured(profile="logto", scopes=scopes, authorize_params={"prompt": "login"})
    assert mine.authorize_params == {"prompt": "login"}


@pytest.mark.parametrize(
    ("profile", "kind"),
    [("generic", ""), ("logto", "at+jwt"), ("authelia", "at+jwt"), ("keycloak", "bearer")],
)
def test_what_access_tokens_say_they_are_is_known_by_the_profile(profile, kind):
    assert configured(profile=profile).access_typ == kind
