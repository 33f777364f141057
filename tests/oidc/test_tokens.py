"""A token is read strictly, and nothing in its header chooses how it is verified."""

import pytest

from gateway.oidc.tokens import (
    MAX_TOKEN_BYTES,
    BadTokenError,
    peek_claims,
    read_header,
    verify_with_secret,
)
from tests.oidc.hostile import CLIENT_SECRET, KEYS, base64url, sign


def token(header, payload=b"{}"):
    return f"{base64url(header)}.{base64url(payload)}.AAAA"


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "a b.c.d",
        "é.a.b",
        "A.A.A\n",
        token(b"[]"),
        token(b"7"),
        token(b"{"),
        token(b"\xff"),
        token(b"[" * 5000),
        token(b"{}"),
        token(b'{"alg": 1}'),
        token(b'{"alg": null}'),
        token(b'{"alg": "RS256", "crit": []}'),
        token(b'{"alg": "RS256", "crit": null}'),
        token(b'{"alg": "RS256", "b64": true}'),
        token(b'{"alg": "RS256", "kid": 1}'),
        token(b'{"alg": "RS256", "kid": null}'),
        token(b'{"alg": "RS256"}', b"x" * MAX_TOKEN_BYTES),
    ],
)
def test_what_is_no_signed_token_is_refused(text):
    with pytest.raises(BadTokenError):
        read_header(text)


def test_an_encrypted_token_is_called_so():
    with pytest.raises(BadTokenError, match="encrypted"):
        read_header("a.b.c.d.e")


def test_a_header_is_read_with_what_is_unknown_in_it():
    assert read_header(token(b'{"alg": "RS256", "x": {}}')) == {"alg": "RS256", "x": {}}


def test_kept_claims_can_be_looked_at():
    assert peek_claims(sign({"sub": "s"})) == {"sub": "s"}


@pytest.mark.parametrize("payload", [b"[]", b"{", b"\xff", b"7", b""])
def test_kept_claims_that_are_no_object_are_refused(payload):
    with pytest.raises(BadTokenError):
        peek_claims(token(b'{"alg": "RS256"}', payload))


@pytest.mark.parametrize(
    ("alg", "secret", "allowed"),
    [
        ("HS256", CLIENT_SECRET, ()),
        ("HS256", CLIENT_SECRET, ("RS256",)),
        ("HS256", "x" * 31, ("HS256",)),
        ("HS256", "", ("HS256",)),
        ("HS384", "x" * 47, ("HS384",)),
        ("HS256", CLIENT_SECRET + "x", ("HS256",)),
        ("HS256", KEYS["rsa"].as_pem(private=False).decode(), ("HS256",)),
        ("RS256", CLIENT_SECRET, ("RS256",)),
    ],
)
def test_a_secret_verifies_only_what_it_may(alg, secret, allowed):
    text = sign({}, key="rsa" if alg == "RS256" else CLIENT_SECRET, alg=alg)

    with pytest.raises(BadTokenError):
        verify_with_secret(text, secret, allowed)


def test_a_secret_verifies_its_own_token():
    text = sign({"sub": "s"}, key=CLIENT_SECRET, alg="HS256")

    assert verify_with_secret(text, CLIENT_SECRET, ("HS256",)).claims == {"sub": "s"}
