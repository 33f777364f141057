"""The client proves itself in the way both sides can, and in no other."""

import json
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from gateway.errors import ProviderUnavailableError
from gateway.oidc.client_auth import ASSERTION_TTL_S, choose_method, prove_client
from gateway.oidc.discovery import Metadata
from gateway.oidc.registration import Registration
from tests.oidc.hostile import QuietRegistry

NOW = 1_700_000_000.7


def metadata(*methods):
    return Metadata(
        issuer="https://id",
        authorization_endpoint="https://id/auth",
        token_endpoint="https://id/token",
        jwks_uri="https://id/jwks",
        token_auth_methods=methods or ("client_secret_basic",),
    )


def registration(**changes):
    return Registration(**{"name": "p", "issuer": "https://id", "client_id": "c", **changes})


@pytest.mark.parametrize(
    ("changes", "offered", "expected"),
    [
        ({}, (), "none"),
        ({"client_secret": "s"}, (), "client_secret_basic"),
        ({"client_secret": "s"}, ("client_secret_post",), "client_secret_post"),
        (
            {"client_secret": "s"},
            ("client_secret_post", "client_secret_basic"),
            "client_secret_basic",
        ),
        ({"client_secret": "s"}, ("private_key_jwt",), "client_secret_basic"),
        ({"client_key": "k"}, ("client_secret_basic",), "private_key_jwt"),
        (
            {"client_secret": "s", "client_auth": "client_secret_post"},
            ("client_secret_basic",),
            "client_secret_post",
        ),
    ],
)
def test_the_method_is_configured_or_what_both_can(changes, offered, expected):
    assert choose_method(registration(**changes), metadata(*offered)) == expected


def test_basic_is_form_encoded():
    found = prove_client(registration(client_id="a:b@c", client_secret="p%+ é"), metadata(), NOW)

    scheme, _, pair = dict(found.fields)["Authorization"].partition(" ")
    assert (scheme, b64decode(pair)) == ("Basic", b"a%3Ab%40c:p%25%2B+%C3%A9")
    assert found.parameters == ()


def test_post_and_none_name_the_client_in_the_form():
    post = prove_client(registration(client_secret="s"), metadata("client_secret_post"), NOW)
    none = prove_client(registration(), metadata(), NOW)

    assert post.parameters == (("client_id", "c"), ("client_secret", "s"))
    assert none.parameters == (("client_id", "c"),)
    assert post.fields == none.fields == ()


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


@pytest.mark.parametrize(
    ("text", "key", "alg", "kid"),
    [
        (pem(RSA), RSAKey.import_key(RSA), "RS256", None),
        (pem(EC), ECKey.import_key(EC), "ES384", None),
        (pem(ED), OKPKey.import_key(ED), "EdDSA", None),
        (
            json.dumps({"type": "application", "keyId": "81", "key": pem(RSA), "clientId": "c"}),
            RSAKey.import_key(RSA),
            "RS256",
            "81",
        ),
        (
            json.dumps({**ECKey.import_key(EC).as_dict(private=True), "kid": "k1"}),
            ECKey.import_key(EC),
            "ES384",
            "k1",
        ),
    ],
)
@pytest.mark.parametrize("audience", ["token_endpoint", "issuer"])
def test_a_key_signs_an_assertion(text, key, alg, kid, audience):
    found = prove_client(
        registration(client_key=text, assertion_audience=audience), metadata(), NOW
    )

    parameters = dict(found.parameters)
    public = JWKRegistry.import_key(key.as_dict(private=False))
    registry = QuietRegistry(algorithms=[alg])
    token = jws.deserialize_compact(parameters["client_assertion"], public, registry=registry)
    claims = json.loads(token.payload)
    assert token.protected["alg"] == alg
    assert token.protected.get("kid") == kid
    assert claims["iss"] == claims["sub"] == "c"
    assert claims["aud"] == ("https://id" if audience == "issuer" else "https://id/token")
    assert (claims["iat"], claims["exp"]) == (int(NOW), int(NOW) + ASSERTION_TTL_S)
    assert len(claims["jti"]) > 20
    assert parameters["client_assertion_type"].endswith("jwt-bearer")


def test_no_two_assertions_are_the_same():
    made = registration(client_key=pem(ED))

    both = [dict(prove_client(made, metadata(), NOW).parameters) for _ in range(2)]

    assert both[0]["client_assertion"] != both[1]["client_assertion"]


@pytest.mark.parametrize(
    "text", ["", "text", "{", "{}", "[]", '{"key": "x"}', pem(dsa.generate_private_key(1024))]
)
def test_a_key_that_cannot_sign_is_told_of(text):
    with pytest.raises(ProviderUnavailableError):
        prove_client(registration(client_key=text), metadata(), NOW)
