"""The configuration counts; what it leaves open comes from the profile."""

from typing import get_args

import pytest

from gateway.oidc.configured import register
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.name_steps import Steps
from gateway.oidc.profiles import PROFILES
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES
from gateway.settings.providers import Profile, ProviderSettings

OF_OIDC = [it for it in get_args(Profile) if it in PROFILES]


def configured(**values):
    whole = {"issuer": "https://id", "client_id": "c", **values}
    return register("p", ProviderSettings(**whole))


def test_every_profile_that_can_be_configured_is_there():
    assert set(get_args(Profile)) <= {*PROFILES, *OAUTH2_PROFILES}


def test_few_providers_are_known_to_quote_the_mark_of_an_email():
    quoting = [n for n in OF_OIDC if configured(profile=n).claims.verified_as_text]

    assert quoting == ["cognito", "apple"]


def test_only_linkedin_is_known_to_return_no_nonce():
    lenient = [n for n in OF_OIDC if configured(profile=n).nonce_may_be_absent]

    assert lenient == ["linkedin"]
    assert not configured(profile="linkedin", nonce="required").nonce_may_be_absent


def test_only_keycloaks_roles_are_read_from_the_access_token():
    reading = [n for n in OF_OIDC if configured(profile=n).roles_in_access_token]

    assert reading == ["keycloak"]


def test_only_entra_with_one_tenant_may_leave_its_issuer_out_of_a_logout():
    assert [n for n in OF_OIDC if not configured(profile=n).logout_names_issuer] == ["entra"]
    many = {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0", "tenants": ["a"]}
    assert configured(profile="entra", **many).logout_names_issuer


def test_only_cognito_is_known_to_name_the_way_back_from_a_sign_out_otherwise():
    named = {n: configured(profile=n).post_logout_parameter for n in OF_OIDC}

    assert {n: it for n, it in named.items() if it != "post_logout_redirect_uri"} == {
        "cognito": "logout_uri"
    }


def test_apple_answers_by_a_form_and_takes_the_secret_in_one():
    apple = configured(profile="apple", client_secret="s", scopes=["openid", "offline_access"])

    assert apple.authorize_params == {"response_mode": "form_post"}
    assert apple.client_auth == "client_secret_post"
    assert apple.scopes == ("openid",)
    assert apple.offline
    assert configured(profile="apple", response_mode="query").authorize_params == {}
    # A client without a secret is a public one.
    assert configured(profile="linkedin").client_auth is None


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({}, "set providers.p.authorize_params: {prompt: consent}, or allow the grant type"),
        ({"prompt": "login consent"}, "provider; allow the grant type refresh_token"),
    ],
)
def test_what_to_do_without_a_refresh_token(params, hint):
    found = configured(scopes=["openid", "offline_access"], authorize_params=params)

    assert hint in found.offline_hint


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
        claims={"user": "email", "groups": {"from": ["/a/b", "groups"], "split": ","}},
        label="Go",
    )

    assert (found.client_secret, found.client_auth) == ("s", "client_secret_post")
    assert found.scopes == ("openid", "groups")
    assert found.authorize_params == {"prompt": "login"}
    assert found.assume_email_verified
    assert (found.claims.user, found.claims.groups) == (("email",), ("/a/b", "groups"))
    assert (found.claims.group_steps, found.claims.role_steps) == (Steps(split=","), Steps())
    assert configured().claims.group_steps == Steps()
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


@pytest.mark.parametrize(
    ("profile", "folds"),
    [("github", True), ("gitea", True), ("forgejo", True), ("bitbucket", False)],
)
def test_names_of_groups_are_in_lower_case_where_the_service_ignores_case(profile, folds):
    def steps(**claims):
        given = {"type": "oauth2", "profile": profile, "claims": claims}
        return configured(client_secret="s", **given).claims.group_steps

    assert steps().fold_case is folds
    assert not steps(groups={"fold_case": False}).fold_case
    assert steps(groups={"prefix": "x:"}) == Steps(fold_case=folds, prefix="x:")
