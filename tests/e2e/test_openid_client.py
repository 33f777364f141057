"""openid-client, a certified library, and Authlib sign people in at the gateway."""

import json
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from tests.e2e.oauth_client import CALLBACK
from tests.fixtures.accounts import add
from tests.fixtures.processes import require_tool, terminate

CLIENTS = Path(__file__).parents[1] / "clients"
GOODBYE = "https://client.test/goodbye"
SECRET = "a secret of the wiki"
SCOPES = ["openid", "profile", "email", "groups", "offline_access"]


@pytest.fixture
def client_key(tmp_path):
    key = ECKey.generate_key("P-256")
    (tmp_path / "key.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key


@pytest.fixture
def gateway(start_standalone, client_key, tmp_path):
    about = {
        "redirect_uris": [CALLBACK],
        "scopes": SCOPES,
        "post_logout_redirect_uris": [GOODBYE],
    }
    started = start_standalone(
        tokens={
            "consent": "skip",
            "clients": {
                "basic": {**about, "client_secret": SECRET},
                "post": {**about, "client_secret": SECRET, "id_token": "RS256"},
                "none": about,
                "key": {**about, "client_key_file": str(tmp_path / "key.json")},
            },
        }
    )
    add(started, "ann", "--email", "ann@a.test", "--group", "staff")
    return started


class Walk:
    """The app of `openid.mjs`, and a person's browser."""

    def __init__(self, gateway, browser, process):
        self.browser = browser
        self.process = process

    def step(self, name, **given):
        self.process.stdin.write(json.dumps({"step": name, **given}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        return json.loads(line)

    def visit(self, **parameters):
        """The address that the browser is sent back to."""
        url = self.step("begin", parameters=parameters)["url"]
        answer = self.browser.page(url.removeprefix(self.browser.url))
        return answer.headers["Location"]


@pytest.fixture
def start_walk(gateway, browser, client_key):
    node = require_tool("node")
    if not (CLIENTS / "node_modules" / "openid-client").is_dir():
        pytest.fail("npm's openid-client is not installed: `make test` sets it up", pytrace=False)
    started = []

    def start(client_id, algorithm="ES256"):
        options = {
            "issuer": f"{gateway.base_url}/_gatepost",
            "client_id": client_id,
            "secret": SECRET,
            "proof": client_id,
            "jwk": {**client_key.as_dict(private=True), "ext": True, "alg": "ES256"},
            "algorithm": algorithm,
            "redirect_uri": CALLBACK,
            "scope": " ".join(SCOPES),
        }
        process = subprocess.Popen(
            [node, "openid.mjs", json.dumps(options)],
            cwd=CLIENTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Walk(gateway, browser, process)

    yield start
    for process in started:
        terminate(process, "openid-client")
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


@pytest.mark.parametrize(
    ("client_id", "algorithm"),
    [("basic", "ES256"), ("post", "RS256"), ("none", "ES256"), ("key", "ES256")],
)
def test_openid_client_signs_people_in_and_out(start_walk, browser, client_id, algorithm):
    walk = start_walk(client_id, algorithm)

    found = walk.step("finish", url=walk.visit())
    assert found["claims"]["preferred_username"] == "ann", found
    assert found["claims"]["email_verified"] is True
    assert walk.step("userinfo")["groups"] == ["staff"]
    assert walk.step("refresh") == {"refreshed": True}
    assert walk.step("userinfo")["sub"] == found["claims"]["sub"]

    leave = walk.step("leave", parameters={"post_logout_redirect_uri": GOODBYE, "state": "x"})
    answer = browser.page(leave["url"].removeprefix(browser.url))
    assert answer.headers["Location"] == f"{GOODBYE}?state=x"
    assert browser.whoami() is None


def test_openid_client_notices_what_is_not_its_own(start_walk):
    # RFC 9700, sections 4.4 (mix-up), 4.5 (code injection) and 4.7 (another state or nonce).
    walk, other = start_walk("basic"), start_walk("post", "RS256")
    answer = walk.visit()
    injected = other.step("finish", url=answer, changes={"expectedState": _state(answer)})
    assert injected["error"] == "invalid_grant"

    answer = walk.visit()
    from_another_issuer = answer.replace("%2F_gatepost", "%2Felsewhere")
    assert from_another_issuer != answer
    assert "iss" in walk.step("finish", url=from_another_issuer)["message"]
    assert "state" in walk.step("finish", url=answer, changes={"expectedState": "y"})["message"]
    replayed = walk.step("finish", url=answer, changes={"expectedNonce": "another"})
    assert "nonce" in replayed["message"]


def _state(url):
    return dict(parse_qsl(urlsplit(url).query))["state"]


def test_openid_client_asks_without_a_page(start_walk, browser):
    walk = start_walk("basic")
    found = walk.step("finish", url=walk.visit(prompt="none"), max_age=3600)
    assert found["claims"]["sub"]
    browser.cookies.clear()
    assert walk.step("finish", url=walk.visit(prompt="none"))["error"] == "login_required"


def test_authlib_verifies_an_id_token(gateway, browser, monkeypatch):
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    issuer = f"{gateway.base_url}/_gatepost"
    with OAuth2Session(
        "basic",
        SECRET,
        scope=" ".join(SCOPES),
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        default_timeout=30,
    ) as session:
        session.trust_env = False
        document = session.get(
            f"{issuer}/.well-known/openid-configuration", withhold_token=True
        ).json()
        url, state = session.create_authorization_url(
            document["authorization_endpoint"], code_verifier="v" * 48, nonce="a nonce"
        )
        answer = browser.page(url.removeprefix(browser.url)).headers["Location"]
        token = session.fetch_token(
            document["token_endpoint"],
            authorization_response=answer,
            state=state,
            code_verifier="v" * 48,
        )
        keys = session.get(document["jwks_uri"], withhold_token=True).json()
        found = jwt.decode(token["id_token"], KeySet.import_key_set(keys))
        claims = CodeIDToken(
            found.claims,
            found.header,
            {"iss": {"values": [issuer]}, "aud": {"value": "basic"}},
            {"client_id": "basic", "nonce": "a nonce", "access_token": token["access_token"]},
        )
        claims.validate()
        assert session.get(document["userinfo_endpoint"]).json()["sub"] == claims["sub"]
