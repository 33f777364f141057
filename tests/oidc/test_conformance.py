"""The OpenID Foundation's relying-party tests for the code flow, each done to the gateway.

The names are those of the foundation's test suite; what the provider does wrong is written here.
"""

import json
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.oidc.flow import read_parameters
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from tests.oidc.hostile import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    SUBJECT,
    Wrongs,
    at_hash,
    public,
    sign,
)

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"
LIST = Path(__file__).parents[3] / "shared" / "data" / "oidc" / "rp-tests.json"

HS256 = {"alg": "HS256", "key": CLIENT_SECRET}
ES256 = {"alg": "ES256", "key": "p256"}

REJECTED = {
    "rp-discovery-issuer-not-matching-config": Wrongs(discovery={"issuer": "https://example.com"}),
    "rp-id_token-aud": Wrongs(claims={"aud": "https://example.com/"}),
    "rp-id_token-bad-sig-es256": Wrongs(signing=ES256, tampered=True),
    "rp-id_token-bad-sig-hs256": Wrongs(signing=HS256, tampered=True),
    "rp-id_token-bad-sig-rs256": Wrongs(tampered=True),
    "rp-id_token-iat": Wrongs(claims={"iat": None}),
    "rp-id_token-issuer-mismatch": Wrongs(claims={"iss": "https://example.org/"}),
    "rp-id_token-kid-absent-multiple-jwks": Wrongs(
        header={"kid": None}, keys=[public("rsa"), public("rsa-stranger")]
    ),
    "rp-id_token-sig-none": Wrongs(signing={"alg": "none"}),
    "rp-id_token-sub": Wrongs(claims={"sub": None}),
    "rp-nonce-invalid": Wrongs(claims={"nonce": "012345678"}),
    "rp-response_mode-form_post-error": Wrongs(callback={"code": None, "error": "login_required"}),
    # Nobody is signed in half known.
    "userinfo that is not signed by the provider": Wrongs(
        userinfo_type="application/jwt", userinfo_body=b"a.b.c"
    ),
    "rp-userinfo-bad-sub-claim": Wrongs(userinfo={"sub": "foobar"}),
    "oidcc-client-test-invalid-athash": Wrongs(claims={"at_hash": at_hash("another")}),
    "oidcc-client-test-missing-aud": Wrongs(claims={"aud": None}),
}

ACCEPTED = {
    "rp-claims-aggregated": Wrongs(
        userinfo={
            "_claim_names": {"eye_color": "src1"},
            "_claim_sources": {"src1": {"JWT": "a.b.c"}},
        }
    ),
    "rp-discovery-jwks_uri-keys": Wrongs(),
    "rp-discovery-openid-configuration": Wrongs(),
    "rp-id_token-kid-absent-single-jwks": Wrongs(header={"kid": None}, keys=[public("rsa")]),
    "rp-id_token-sig-es256": Wrongs(signing=ES256),
    "rp-id_token-sig-hs256": Wrongs(signing=HS256),
    "rp-id_token-sig-rs256": Wrongs(),
    "rp-response_mode-form_post": Wrongs(),
    "rp-response_type-code": Wrongs(),
    "rp-scope-userinfo-claims": Wrongs(),
    "rp-token_endpoint-client_secret_basic": Wrongs(),
    "rp-token_endpoint-client_secret_post": Wrongs(
        discovery={"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    ),
    "rp-userinfo-bearer-header": Wrongs(),
    "rp-userinfo-sig": Wrongs(
        userinfo_type="application/jwt",
        userinfo_body=sign({"sub": SUBJECT, "name": "Alice"}).encode(),
    ),
}

# Proven elsewhere, or no part of the code flow of a gateway.
ELSEWHERE = {
    "rp-3rd_party-init-login": "login/{provider} starts a flow from anywhere: tests/endpoints",
    "rp-key-rotation-op-sign-key": "test_keys.py",
    "rp-key-rotation-op-sign-key-native": "test_keys.py",
    "rp-token_endpoint-private_key_jwt": "test_client_auth.py",
    "rp-token_endpoint-client_secret_jwt": "not offered: private_key_jwt is",
    "rp-registration-dynamic": "not offered: clients are registered by hand",
    "rp-discovery-webfinger-http-href": "not offered: issuers are configured",
}


async def sign_in(make_provider, hostile, case):
    # HMAC only where the configuration allows it, which the suite's own tests of it do.
    algorithms = {"algorithms": ("HS256",)} if "hs256" in case else {}
    provider = make_provider(**algorithms)
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    return await finish_sign_in(provider, flow, hostile.approve(location))


@pytest.mark.parametrize("case", REJECTED)
async def test_what_must_be_rejected_is(make_provider, hostile, case):
    hostile.wrongs = REJECTED[case]

    with pytest.raises(GatewayError):
        await sign_in(make_provider, hostile, case)


@pytest.mark.parametrize("case", ACCEPTED)
async def test_what_must_be_accepted_is(make_provider, hostile, case):
    hostile.wrongs = ACCEPTED[case]

    signed_in = await sign_in(make_provider, hostile, case)

    assert signed_in.identity.subject
    assert signed_in.tokens.access_token == ACCESS_TOKEN


def test_an_error_answer_by_form_is_read():
    assert read_parameters("error=login_required&state=x")["error"] == "login_required"


def test_every_test_of_the_code_flow_is_here():
    if not LIST.exists():
        pytest.skip("the foundation's list is not beside this clone")
    tests = json.loads(LIST.read_text())["legacy"]
    wanted = {t["id"]: t["gateway_expect"] for t in tests if t["code_flow"]}
    rejected = {name for name, expected in wanted.items() if expected == "reject"}
    accepted = {name for name, expected in wanted.items() if expected == "accept"}

    assert rejected <= REJECTED.keys() | ELSEWHERE.keys()
    assert accepted <= ACCEPTED.keys() | ELSEWHERE.keys()
