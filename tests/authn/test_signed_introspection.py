"""Introspection answers that the issuer signs (RFC 9701)."""

from functools import partial

import pytest

from gateway.authn import Authenticated, Rejected
from gateway.errors import ProviderUnavailableError
from tests.authn.issuer import INTROSPECTION, OPAQUE, SIGNED_ANSWER, make_door
from tests.fixtures.clock import NOW
from tests.oidc.hostile import tampered


@pytest.fixture(params=[False, True])
def door(request, clock, http, issuer):
    issuer.answers[OPAQUE] = {"active": True, **issuer.claims()}
    asked = {**INTROSPECTION, "signed": request.param}
    return make_door(clock, http, {"issuer": issuer.issuer, "introspection": asked})


async def test_a_signed_answer_is_read(door, issuer):
    issuer.signed = issuer.signed_answer

    outcome = await door.judge(OPAQUE)

    assert isinstance(outcome, Authenticated)
    assert outcome.identity.user == "alice"
    [asked] = [it for it in issuer.headers if it.get("Accept") != "application/json"]
    assert SIGNED_ANSWER in asked["Accept"]


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": ["x", INTROSPECTION["client_id"]]},
        {"header": {"typ": SIGNED_ANSWER}},
        {"header": {"typ": "Token-Introspection+JWT"}},
        {"iat": NOW - 60},
        {"iat": NOW + 60},
        {"key": "rsa", "alg": "RS256"},
    ],
)
async def test_what_the_standard_leaves_open_is_taken(door, issuer, changes):
    issuer.signed = partial(issuer.signed_answer, **changes)

    assert isinstance(await door.judge(OPAQUE), Authenticated)


async def test_a_signed_no_is_a_no(door, issuer):
    issuer.signed = issuer.signed_answer

    outcome = await door.judge("opaque-another")

    assert isinstance(outcome, Rejected)
    assert outcome.reason == "token-inactive"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": None},
        {"aud": {"api:1": 1}},
        {"iat": None},
        {"iat": "now"},
        {"iat": NOW - 61},
        {"iat": NOW + 61},
        {"header": {"typ": None}},
        {"header": {"typ": "JWT"}},
        {"header": {"typ": "at+jwt"}},
        {"header": {"typ": 1}},
        {"token_introspection": None},
        {"token_introspection": "active"},
        {"token_introspection": {}},
        {"token_introspection": {"active": "true"}},
        {"alg": "none"},
        {"key": "rsa-stranger", "alg": "RS256"},
        {"key": "rsa", "alg": "PS256"},
        {"key": "s+e%c/ret@1-and-some-more-to-be-long-enough", "alg": "HS256"},
    ],
    ids=str,
)
async def test_any_other_lets_nobody_in(door, issuer, changes):
    issuer.signed = partial(issuer.signed_answer, **changes)

    with pytest.raises(ProviderUnavailableError):
        await door.judge(OPAQUE)
    assert door.recall(OPAQUE) is None


@pytest.mark.parametrize("body", ["", "a.b.c", '{"active": true}', "a.b.c.d.e"])
async def test_what_is_no_token_lets_nobody_in(door, issuer, body):
    issuer.signed = lambda _: body

    with pytest.raises(ProviderUnavailableError):
        await door.judge(OPAQUE)


async def test_a_changed_signature_lets_nobody_in(door, issuer):
    issuer.signed = lambda found: tampered(issuer.signed_answer(found))

    with pytest.raises(ProviderUnavailableError):
        await door.judge(OPAQUE)


@pytest.mark.parametrize("door", [True], indirect=True)
async def test_if_it_is_asked_for_a_plain_answer_is_none(door, issuer):
    with pytest.raises(ProviderUnavailableError, match="the answer is not signed"):
        await door.judge(OPAQUE)
    assert issuer.headers[-1]["Accept"] == SIGNED_ANSWER
