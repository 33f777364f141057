import json
from base64 import urlsafe_b64encode
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from gateway.model import Identity as GatewayIdentity
from gateway.mutate.identity import AssertionRules, assertion_claims
from gateway.mutate.signer import AssertionSigner, new_signing_key
from gateway.verify.assertion import Expected, InvalidAssertionError, key_id, read_assertion
from tests.verify.assertions import AUDIENCE, claims_of, forgeries, signed

ISSUER = "https://notes.example.com"
NOW = 1_800_000_000
LEEWAY_S = 10
KEY = new_signing_key()
EXPECTED = Expected(ISSUER, AUDIENCE, LEEWAY_S)


def read(assertion, now):
    key_id(assertion)
    return read_assertion(assertion, ECKey.import_key(KEY), EXPECTED, now)


def claims(**changes):
    return claims_of(ISSUER, **{"iat": NOW, "nbf": NOW, "exp": NOW + 60, **changes})


def test_what_the_gateway_states_is_what_the_app_reads():
    stated = GatewayIdentity(
        user="alice",
        subject="8f1c2e",
        issuer="https://id.example.com",
        credential="session",
        provider="zitadel",
        email="alice@example.com",
        name="Alice",
        groups=("staff",),
        roles=("editor", "owner"),
        account_id="a1",
        external_id="17",
    )
    rules = AssertionRules("Gatepost-Assertion", ISSUER, AUDIENCE, 60)
    all_claims = assertion_claims(stated, rules, now=NOW, token_id="1")

    identity = read(AssertionSigner([KEY]).sign(all_claims), NOW)

    for name in (
        *("user", "subject", "credential", "provider", "email", "name", "groups", "roles"),
        *("account_id", "external_id"),
    ):
        assert getattr(identity, name) == getattr(stated, name), name
    assert identity.claims == all_claims


def test_what_is_not_known_is_none_or_empty():
    least = {"sub": "s", "user": "u", "credential": "api_key"}
    left = {"email": None, "groups": None, "roles": None, "provider": None, "account_id": None}

    identity = read(signed(KEY, claims(**least, **left)), NOW)

    assert (identity.email, identity.name, identity.provider) == (None, None, None)
    assert (identity.groups, identity.roles) == ((), ())


def test_an_identity_cannot_be_changed():
    identity = read(signed(KEY, claims()), NOW)

    with pytest.raises(FrozenInstanceError):
        identity.user = "root"
    with pytest.raises(TypeError):
        identity.claims["user"] = "root"
    assert hash(identity)


@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({"exp": NOW + 1}, True),
        ({"exp": NOW - LEEWAY_S + 1}, True),
        ({"exp": NOW - LEEWAY_S}, False),
        ({"nbf": NOW + LEEWAY_S}, True),
        ({"nbf": NOW + LEEWAY_S + 1}, False),
        ({"iat": NOW + LEEWAY_S}, True),
        ({"iat": NOW + LEEWAY_S + 1}, False),
        ({"exp": None}, False),
        ({"nbf": None}, False),
        ({"iat": None}, False),
        ({"exp": "2100-01-01"}, False),
        ({"exp": True}, False),
        ({"aud": [AUDIENCE]}, True),
        ({"aud": ["wiki"]}, False),
        ({"aud": f"{AUDIENCE}2"}, False),
        ({"iss": f"{ISSUER}/"}, False),
        ({"sub": None}, False),
        ({"sub": ""}, False),
        ({"user": 7}, False),
        ({"user": ""}, False),
        ({"credential": None}, False),
        ({"groups": "staff"}, False),
        ({"groups": ["staff", 7]}, False),
        ({"email": ["a@example.com"]}, False),
    ],
)
def test_every_claim_is_checked(changes, is_good):
    assertion = signed(KEY, claims(**changes))

    if is_good:
        assert read(assertion, NOW).user == "zoë"
    else:
        with pytest.raises(InvalidAssertionError):
            read(assertion, NOW)


# How often the field was sent is not seen here.
FORGERIES = {what: sent[0] for what, sent in forgeries(KEY, ISSUER).items() if len(sent) == 1}


@pytest.mark.parametrize("what", FORGERIES)
def test_no_forgery_gets_through(what):
    with pytest.raises(InvalidAssertionError):
        read(FORGERIES[what], claims_of(ISSUER)["iat"])


def part(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


GOOD_HEADER = {"alg": "ES256", "typ": "gatepost+jwt", "kid": "k"}


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"[]", b'"x"', b"1", b"null", b"\xff", b"{", b"[" * 30_000),
        *(
            json.dumps({**GOOD_HEADER, **changes}).encode()
            for changes in (
                {"alg": None},
                {"alg": ["ES256"]},
                {"alg": "es256"},
                {"alg": "ES384"},
                {"typ": None},
                {"typ": "JWT"},
                {"kid": None},
                {"kid": 1},
                {"kid": ""},
                {"kid": "k" * 30_000},
            )
        ),
    ],
)
def test_a_header_that_the_gateway_does_not_write_is_refused_before_a_key_is_looked_for(header):
    with pytest.raises(InvalidAssertionError):
        key_id(f"{part(header)}.{part(b'{}')}.AA")


def test_header_members_that_change_what_is_verified_are_refused():
    for members in ({"crit": ["exp"]}, {"b64": False, "crit": ["b64"]}):
        head = part(json.dumps({**GOOD_HEADER, **members}).encode())
        _, payload, signature = signed(KEY, claims()).split(".")
        with pytest.raises(InvalidAssertionError):
            read(f"{head}.{payload}.{signature}", NOW)


@given(
    st.one_of(st.text(), st.lists(st.binary(), max_size=5).map(lambda b: ".".join(map(part, b))))
)
def test_whatever_is_sent_it_is_refused_and_nothing_else_is_raised(text):
    with pytest.raises(InvalidAssertionError):
        read(text, NOW)
