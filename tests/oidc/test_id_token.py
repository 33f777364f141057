"""The claims of an ID token at the edge of what is right."""

import pytest

from gateway.oidc.errors import InvalidIdTokenError, IssuerMismatchError
from gateway.oidc.id_token import Expected, access_token_hash, judge_id_token
from gateway.oidc.tokens import SignedToken

NOW = 1_000_000.0


def judge(header=None, expected=None, **claims):
    right = {
        "iss": "https://id",
        "aud": "notes",
        "sub": "s",
        "iat": NOW,
        "exp": NOW + 100,
        "nonce": "n",
    }
    token = SignedToken({"alg": "RS256", **(header or {})}, {**right, **claims})
    wanted = {"issuers": ("https://id",), "clients": ("notes",), "nonce": "n", **(expected or {})}
    judge_id_token(token, Expected(**wanted), NOW)


def is_good(*args, **claims):
    try:
        judge(*args, **claims)
    except InvalidIdTokenError:
        return False
    return True


@pytest.mark.parametrize(("exp", "good"), [(-61, False), (-60, False), (-59.9, True), (0, True)])
def test_an_id_token_ends_a_minute_after_it_expires(exp, good):
    assert is_good(exp=NOW + exp) is good


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("at", "good"), [(61, False), (60, True), (0, True), (-9999, True)])
def test_an_id_token_begins_at_most_a_minute_early(name, at, good):
    assert is_good(**{name: NOW + at}) is good


@pytest.mark.parametrize("leeway_s", [61, 3600, float("inf")])
def test_no_configuration_makes_the_leeway_more_than_a_minute(leeway_s):
    assert not is_good(expected={"leeway_s": leeway_s}, exp=NOW - 61)


@pytest.mark.parametrize(
    "value", [True, "1", [], {}, float("inf"), float("nan"), pytest.param(10**400, id="huge")]
)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a_time_is_a_finite_number(name, value):
    assert not is_good(**{name: value})


@pytest.mark.parametrize(
    ("auth_time", "good"), [(-1, True), (-120, True), (-360, True), (-361, False), (None, False)]
)
def test_a_sign_in_asked_to_be_fresh_is_held_against_when_it_was_asked(auth_time, good):
    asked = {"max_age_s": 200, "asked_at": NOW - 100}
    value = None if auth_time is None else NOW + auth_time

    assert is_good(expected=asked, auth_time=value) is good


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ({}, True),
        ({"typ": "JWT"}, True),
        ({"typ": "jwt"}, True),
        ({"typ": "at+jwt"}, False),
        ({"typ": "application/at+jwt"}, False),
        ({"typ": "logout+jwt"}, False),
        ({"typ": "gatepost+jwt"}, False),
        ({"typ": 7}, False),
    ],
)
def test_a_token_made_for_something_else_is_no_id_token(header, good):
    assert is_good(header) is good


@pytest.mark.parametrize(
    ("typ", "good"),
    [("ID", True), ("Bearer", False), ("Refresh", False), (None, False), (7, False)],
)
def test_keycloak_says_the_kind_in_the_payload(typ, good):
    assert is_good(typ=typ) is good


@pytest.mark.parametrize(
    ("aud", "azp", "good"),
    [
        ("notes", None, True),
        (["notes"], "notes", True),
        (["a", "notes"], "notes", True),
        (["a", "notes"], None, True),
        (["a", "notes"], "a", False),
        ("notes", "a", False),
        ("notes", "", False),
        (["notes", 7], None, True),
        ([], None, False),
        (["note", "s"], None, False),
    ],
)
def test_the_audience_is_this_client(aud, azp, good):
    assert is_good(aud=aud, azp=azp) is good


def test_the_hash_is_the_one_of_the_specification():
    # OpenID Connect Core 1.0, appendix A.3: the access token and at_hash of its example.
    assert access_token_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == (
        "77QmUPtjPfzWtF2AnpK9RQ"
    )


@pytest.mark.parametrize("issuer", [None, "", "https://id/", ["https://id"], {"https://id": 1}, 7])
def test_only_the_issuers_own_spelling_is_the_issuer(issuer):
    with pytest.raises(IssuerMismatchError):
        judge(expected={"issuers": frozenset({"https://id"})}, iss=issuer)


@pytest.mark.parametrize("audience", ["", [], None])
def test_an_empty_audience_is_told_as_the_providers_fault(audience):
    with pytest.raises(InvalidIdTokenError, match="at the provider, add 'notes' to the audiences"):
        judge(aud=audience)
