"""Clients register themselves, where that is open."""

import re

import pytest
import requests

from tests.e2e.browsing import FromAddress
from tests.e2e.oauth_client import CALLBACK, OAuthClient
from tests.fixtures.accounts import add

OPEN = {"registration": "open"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def gateway(start_standalone):
    started = start_standalone(tokens=OPEN)
    add(started, "ann")
    return started


class Addresses:
    """Registers clients, each from an address of its own."""

    def __init__(self, gateway):
        self._url = f"{gateway.base_url}/_gatepost/register"
        self._number = 1

    def __call__(self, about=None, *, address="", **sent):
        self._number += 1
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", FromAddress(address or f"127.0.1.{self._number}"))
        if about is not None:
            sent["json"] = {"redirect_uris": [CALLBACK], **about}
        return session.post(self._url, timeout=30, **sent)


@pytest.fixture
def register(gateway):
    return Addresses(gateway)


def test_a_client_registers_and_signs_somebody_in(gateway, register, browser):
    uris = ["http://127.0.0.1/callback", "cursor://anysphere.cursor-mcp/oauth/callback", CALLBACK]
    answer = register({"client_name": "Google", "redirect_uris": uris})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    told = answer.json()
    assert re.fullmatch(r"gpc_[A-Za-z0-9_-]{24}", told.pop("client_id"))
    assert told.pop("client_id_issued_at") > 1_700_000_000
    assert told == {
        "client_name": "Google",
        "redirect_uris": uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "email offline_access openid profile",
    }
    client = OAuthClient(gateway, browser, answer.json()["client_id"])
    page = client.authorize()
    assert "Allow <strong>Google</strong>?" in page.text
    assert "Nobody has checked its name" in page.text
    tokens = client.tokens(scope="offline_access")
    assert client.get(tokens["access_token"]).status_code == 200
    assert client.refresh(tokens["refresh_token"])[0] == 200
    assert client.authorize(redirect_uri="https://evil.test/callback").status_code == 400
    assert 'gatepost_client_tokens_total{kind="registered"} 1' in gateway.metrics()


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
def test_a_client_that_asks_for_a_secret_must_bring_it(gateway, register, browser, method):
    told = register({"token_endpoint_auth_method": method}).json()
    assert told["token_endpoint_auth_method"] == method
    assert told["client_secret_expires_at"] == 0
    secret = told["client_secret"]
    client = OAuthClient(gateway, browser, told["client_id"], secret=secret)
    code = client.code()
    thief = OAuthClient(gateway, browser, told["client_id"])
    status, refused = thief.redeem(code, code_verifier=client.verifier)
    assert (status, refused["error"]) == (401, "invalid_client")
    posted = thief.redeem(code, code_verifier=client.verifier, client_secret=secret)
    assert posted[0] == 200, posted
    assert client.refresh(posted[1]["refresh_token"])[0] == 200
    assert secret not in gateway.log()


def test_metadata_names_the_endpoint_only_where_it_is_open(gateway, start_standalone):
    path = "/.well-known/oauth-authorization-server/_gatepost"
    about = requests.get(gateway.base_url + path, timeout=30).json()
    assert about["registration_endpoint"] == f"{gateway.base_url}/_gatepost/register"
    preflight = requests.options(about["registration_endpoint"], timeout=30)
    assert preflight.status_code == 204
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    route = {"name": "mcp", "prefix": "/", "access": "signed_in", "mcp": True}
    closed = start_standalone(routes=[route])
    about = requests.get(closed.base_url + path, timeout=30).json()
    assert "registration_endpoint" not in about
    refused = Addresses(closed)({})
    assert refused.status_code == 404


HOSTILE = [
    *(
        ({"redirect_uris": uris}, "invalid_redirect_uri")
        for uris in (
            [],
            CALLBACK,
            [7],
            None,
            [CALLBACK] * 21,
            [CALLBACK, "javascript:alert(1)"],
            ["data:text/html,x"],
            ["file:///etc/passwd"],
            ["vbscript:x"],
            ["JavaScript:alert(1)"],
            ["intent://x#Intent;end"],
            ["http://client.test/callback"],
            ["https://user@client.test/"],
            ["https://client.test/#"],
            ["https://client.test/*"],
            ["https://client.test/\u0430"],
            ["https:/client.test/"],
            ["//client.test/"],
            ["/callback"],
            ["https://client.test/" + "a" * 2000],
        )
    ),
    ({"grant_types": ["password"]}, "invalid_client_metadata"),
    ({"grant_types": "authorization_code"}, "invalid_client_metadata"),
    ({"response_types": ["token"]}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": 1}, "invalid_client_metadata"),
    ({"client_name": "x" * 20_000}, "invalid_client_metadata"),
]


def test_what_no_client_may_have_is_refused(register):
    for about, error in HOSTILE:
        answer = register(about)
        assert (answer.status_code, answer.json()["error"]) == (400, error), about
        assert "client_id" not in answer.json()
    for sent in (
        {"data": b"", "headers": JSON},
        {"data": b"[]", "headers": JSON},
        {"data": b'{"redirect_uris": ["a:/"], "redirect_uris": ["b:/"]}', "headers": JSON},
        {"data": b"[" * 10_000, "headers": JSON},
        {"data": b'{"redirect_uris": ["a.b:/"]}', "headers": {"Content-Type": "text/plain"}},
        {"data": {"redirect_uris": "a.b:/"}},
    ):
        answer = register(**sent)
        assert answer.status_code == 400, sent
        assert answer.json()["error"] == "invalid_client_metadata" or "redirect" in answer.text


def test_a_name_is_a_strangers_text(gateway, register, browser):
    name = "<script>alert(1)</script>\u202e" + "\n" + "y" * 10_000
    about = {"client_name": name, "logo_uri": "https://evil.test/logo", "software_statement": "x"}
    told = register(about).json()
    assert len(told["client_name"]) == 60
    assert not {"logo_uri", "software_statement"} & told.keys()
    page = OAuthClient(gateway, browser, told["client_id"]).authorize()
    assert "<script>alert(1)" not in page.text
    assert "\u202e" not in page.text
    assert "evil.test" not in page.text


def test_one_address_registers_ten_in_an_hour(register):
    statuses = [register({}, address="127.0.9.9").status_code for _ in range(12)]
    assert statuses == [201] * 10 + [429] * 2
    answer = register({}, address="127.0.9.9")
    assert answer.json()["error"] == "temporarily_unavailable"
    assert 0 < int(answer.headers["Retry-After"]) <= 361
    assert register({}, address="127.0.9.8").status_code == 201
