"""Every forgery of a logout token is refused, and every spelling providers use is taken."""

from types import SimpleNamespace

import pytest

from gateway.oidc.keys import ASYMMETRIC, VerificationKey
from gateway.oidc.logout_token import (
    EVENT,
    MAX_AGE_S,
    InvalidLogoutTokenError,
    LogoutToken,
    judge_logout_token,
    read_logout_token,
)
from gateway.oidc.registration import Registration
from gateway.oidc.tokens import SignedToken
from tests.oidc.hostile import CLIENT_SECRET, KEYS, sign, tampered

NOW = 1_780_000_000.0
ISSUER = "https://id.example.com"
RIGHT = {
    "iss": ISSUER,
    "aud": "notes",
    "iat": NOW,
    "exp": NOW + 120,
    "jti": "one",
    "events": {EVENT: {}},
    "sub": "alice",
    "sid": "s1",
}


def claims(**changes):
    return {name: v for name, v in {**RIGHT, **changes}.items() if v is not ...}


def judge(typ="logout+jwt", **changes):
    header = {"alg": "RS256"} if typ is None else {"alg": "RS256", "typ": typ}
    token = SignedToken(header, claims(**changes))
    return judge_logout_token(token, {ISSUER, ISSUER + "/"}, frozenset({"notes"}), NOW)


def test_what_it_says():
    assert judge() == LogoutToken(
        "alice", "s1", frozenset({"notes"}), "one", NOW + 180, "RS256", ISSUER
    )
    assert judge(sid=...) == LogoutToken(
        "alice", None, frozenset({"notes"}), "one", NOW + 180, "RS256", ISSUER
    )
    assert judge(sub=...) == LogoutToken(
        None, "s1", frozenset({"notes"}), "one", NOW + 180, "RS256", ISSUER
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "JWT"},
        {"typ": "Logout+JWT"},
        {"typ": "application/logout+jwt"},
        {"typ": None},
        {"aud": ["other", "notes"]},
        {"iss": ISSUER + "/"},
        {"events": {EVENT: {}, "urn:more": 1}},
        {"events": {EVENT: {"more": 1}}},
        {"iat": NOW + 60},
        {"exp": NOW - 59.9},
        {"exp": NOW + 10**9},
        # ORY Hydra.
        {"exp": ...},
        {"exp": ..., "iat": NOW - 179.9},
        {"iat": NOW - MAX_AGE_S - 59.9, "exp": NOW + 1},
        {"more": {"a": 1}},
    ],
)
def test_what_providers_send_is_taken(changes):
    typ = changes.get("typ", "logout+jwt")
    others = {name: value for name, value in changes.items() if name != "typ"}

    assert judge(typ, **others).sid == "s1"


def test_keycloak_says_the_kind_in_the_payload():
    header = {"alg": "RS256", "typ": "JWT"}
    token = SignedToken(header, claims(typ="Logout"))
    assert judge_logout_token(token, {ISSUER}, frozenset({"notes"}), NOW).sid == "s1"
    for typ in ("ID", "Bearer", "Refresh", 1, None):
        with pytest.raises(InvalidLogoutTokenError):
            judge_logout_token(
                SignedToken(header, claims(typ=typ)), {ISSUER}, frozenset({"notes"}), NOW
            )


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "at+jwt"},
        {"typ": "id_token+jwt"},
        {"typ": "gatepost+jwt"},
        {"typ": 1},
        {"iss": ...},
        {"iss": "https://evil.example"},
        {"iss": [ISSUER]},
        {"aud": ...},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": []},
        {"aud": {"notes": 1}},
        {"iat": ...},
        {"iat": "now"},
        {"iat": True},
        {"iat": NOW + 60.1},
        {"iat": float("nan")},
        {"iat": 10**400},
        {"iat": NOW - MAX_AGE_S - 60, "exp": NOW + 1},
        {"exp": ..., "iat": NOW - 180},
        {"exp": None},
        {"exp": NOW - 60},
        {"exp": float("inf")},
        {"jti": ...},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 1025},
        {"events": ...},
        {"events": {}},
        {"events": [EVENT]},
        {"events": EVENT},
        {"events": {EVENT: None}},
        {"events": {EVENT: True}},
        {"events": {"urn:other": {}}},
        {"nonce": "n"},
        {"nonce": None},
        {"nonce": ""},
        {"sub": ..., "sid": ...},
        {"sub": "", "sid": ...},
        {"sub": ..., "sid": ""},
        {"sub": 1},
        {"sub": "x" * 256},
        {"sid": None},
        {"sid": ["s1"]},
    ],
)
def test_a_forged_one_is_refused(changes):
    typ = changes.get("typ", "logout+jwt")
    others = {name: value for name, value in changes.items() if name != "typ"}

    with pytest.raises(InvalidLogoutTokenError):
        judge(typ, **others)


@pytest.fixture
def keys():
    """The provider's key set, with one key in it."""

    async def candidates(kid, algorithm):
        known = kid in ("rsa", None) and algorithm == "RS256"
        return (VerificationKey("rsa", ("RSA", ""), None, KEYS["rsa"]),) if known else ()

    return SimpleNamespace(candidates=candidates)


def registration(**changes):
    values = {"client_secret": CLIENT_SECRET, "algorithms": tuple(ASYMMETRIC), **changes}
    return Registration("idp", ISSUER, "notes", **values)


async def test_a_token_of_the_providers_key_is_read(keys):
    token = sign(RIGHT, header={"typ": "logout+jwt"})

    assert (await read_logout_token(token, registration(), keys, NOW)).subject == "alice"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a.b.c",
        "not a token",
        "é.é.é",
        tampered(sign(RIGHT)),
        sign(RIGHT, alg="none"),
        sign(RIGHT, key="rsa-stranger"),
        sign(RIGHT, key="rsa-stranger", header={"kid": "rsa"}),
        sign(RIGHT, key=KEYS["rsa"].as_pem(private=False), alg="HS256", header={"kid": "rsa"}),
        sign(RIGHT, key=CLIENT_SECRET, alg="HS256", header={"kid": None}),
        sign(
            RIGHT,
            key="rsa-stranger",
            header={"kid": "rsa", "jwk": KEYS["rsa-stranger"].as_dict(private=False)},
        ),
        sign(RIGHT, key="rsa-stranger", header={"kid": "rsa", "jku": "http://evil.example/jwks"}),
        sign(RIGHT, payload=b"[]"),
        sign(RIGHT, payload=b"{"),
        sign({**RIGHT, "more": "x" * 70_000}),
    ],
)
async def test_a_token_of_anybody_else_is_refused(token, keys):
    with pytest.raises(InvalidLogoutTokenError):
        await read_logout_token(token, registration(), keys, NOW)
