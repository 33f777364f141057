"""The gateway as OpenID provider, for apps that know nothing else."""

import base64
import hashlib

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.assembly.serving import clock
from tests.e2e.browsing import CROSS, Browser
from tests.e2e.oauth_client import CALLBACK, OAuthClient
from tests.e2e.openid_clients import (
    GOODBYE,
    HERE,
    OPENID,
    SECRET,
    add_people,
    end_session,
    settings,
    userinfo,
)
from tests.e2e.relying_party import verified
from tests.fixtures.gateway import gateways
from tests.fixtures.threaded import EchoApp, serving


@pytest.fixture(scope="module")
def client_key():
    return ECKey.generate_key("P-256")


@pytest.fixture(scope="module")
def gateway(client_key, tmp_path_factory):
    """One for all: nothing here changes it."""
    directory = tmp_path_factory.mktemp("openid")
    (directory / "key.pem").write_bytes(client_key.as_pem(private=False))
    with serving(EchoApp) as app, gateways(directory) as start:
        started = start({"upstreams": {"app": {"url": app}}, **settings(directory / "key.pem")})
        add_people(started)
        yield started


@pytest.fixture
def wiki(gateway, browser):
    return OAuthClient(gateway, browser, "wiki", secret=SECRET)


def test_an_id_token_says_who_signed_in_and_to_what(wiki):
    before = int(clock())
    tokens = wiki.tokens(scope=OPENID, nonce="a nonce")
    header, claims = verified(wiki.issuer, tokens["id_token"])

    assert header["alg"] == "ES256"
    assert claims["iss"] == wiki.issuer
    assert (claims["aud"], claims["azp"], claims["nonce"]) == ("wiki", "wiki", "a nonce")
    assert before - 60 <= claims["auth_time"] <= claims["iat"] <= clock()
    assert claims["exp"] - claims["iat"] == 600
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
    assert claims["sid"]
    assert claims["preferred_username"] == "ann"
    assert (claims["email"], claims["email_verified"]) == ("ann@a.test", True)
    assert claims["groups"] == ["board", "staff"]
    told = userinfo(wiki, tokens["access_token"])
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    person = {name: claims[name] for name in ("sub", "preferred_username", "email", "groups")}
    assert told.json() == {**person, "email_verified": True, **_name(claims)}


def _name(claims):
    return {"name": claims["name"]} if "name" in claims else {}


def test_scopes_decide_what_a_client_learns(wiki):
    for scope, names in (
        ("openid", set()),
        ("openid email", {"email", "email_verified"}),
        ("openid groups", {"groups"}),
        ("openid profile", {"preferred_username"}),
    ):
        tokens = wiki.tokens(scope=scope)
        claims = verified(wiki.issuer, tokens["id_token"])[1]
        every = {"name", "preferred_username", "email", "email_verified", "groups", "roles"}
        assert (claims.keys() & every) - {"name"} == names
        told = userinfo(wiki, tokens["access_token"]).json()
        assert told.keys() - {"name"} == names | {"sub"}
        assert told["sub"] == claims["sub"]


def test_the_subject_is_the_same_for_all_clients_and_differs_between_people(gateway, wiki):
    other = Browser(gateway)
    other.sign_in("bob")

    def subject(client):
        return verified(client.issuer, client.tokens(scope="openid")["id_token"])[1]["sub"]

    ann = subject(wiki)
    assert ann == subject(OAuthClient(gateway, wiki.browser, "cli"))
    assert ann != subject(OAuthClient(gateway, other, "cli"))


def test_a_client_without_openid_gets_no_id_token(gateway, browser):
    cli = OAuthClient(gateway, browser, "cli")
    tokens = cli.tokens(scope="offline_access")
    assert "id_token" not in tokens
    refused = userinfo(cli, tokens["access_token"])
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


def test_a_refresh_gives_an_id_token_of_the_same_sign_in(wiki):
    first = wiki.tokens(scope=OPENID, nonce="a nonce")
    status, second = wiki.refresh(first["refresh_token"])
    assert status == 200
    old = verified(wiki.issuer, first["id_token"])[1]
    new = verified(wiki.issuer, second["id_token"])[1]
    for name in ("iss", "sub", "aud", "azp", "auth_time", "sid"):
        assert new[name] == old[name], name
    # OpenID Connect Core 1.0, section 12.2.
    assert "nonce" not in new
    assert new["iat"] >= old["iat"]
    assert new["at_hash"] != old["at_hash"]


def test_rs256_for_clients_that_know_no_other(gateway, browser):
    old = OAuthClient(gateway, browser, "old", secret=SECRET)
    tokens = old.tokens(scope="openid")
    header, claims = verified(old.issuer, tokens["id_token"], "RS256")
    assert (header["alg"], claims["aud"]) == ("RS256", "old")


def test_the_key_set_is_cached_and_read_from_anywhere(wiki):
    about = requests.get(f"{wiki.issuer}/.well-known/openid-configuration", timeout=30).json()
    answer = requests.get(about["jwks_uri"], timeout=30)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    keys = answer.json()["keys"]
    assert {key["alg"] for key in keys} == {"ES256", "RS256"}
    assert all(not key.keys() & {"d", "p", "q", "dp", "dq", "qi", "signs_from"} for key in keys)
    tagged = {"If-None-Match": answer.headers["ETag"]}
    assert requests.get(about["jwks_uri"], headers=tagged, timeout=30).status_code == 304
    # Apart from the assertion's, so that neither token passes for the other.
    other = requests.get(f"{wiki.issuer}/.well-known/jwks.json", timeout=30).json()["keys"]
    assert not {key["kid"] for key in keys} & {key["kid"] for key in other}


def test_metadata_is_the_same_at_each_address(gateway, wiki):
    base = gateway.base_url
    documents = [
        requests.get(url, timeout=30).json()
        for url in (
            f"{wiki.issuer}/.well-known/openid-configuration",
            f"{wiki.issuer}/.well-known/oauth-authorization-server",
            f"{base}/.well-known/oauth-authorization-server/_gatepost",
            f"{base}/.well-known/openid-configuration/_gatepost",
        )
    ]
    assert all(document == documents[0] for document in documents)
    about = documents[0]
    assert about["issuer"] == wiki.issuer
    for name in ("authorization", "token", "userinfo", "end_session"):
        assert about[f"{name}_endpoint"].startswith(wiki.issuer)
    assert about["subject_types_supported"] == ["public"]
    assert about["request_uri_parameter_supported"] is False
    assert about["backchannel_logout_session_supported"] is True
    assert "private_key_jwt" in about["token_endpoint_auth_methods_supported"]
    assert "ES256" in about["token_endpoint_auth_signing_alg_values_supported"]


REFUSED_AT_USERINFO = [
    ({}, 401, None),
    ({"Authorization": "Bearer gp_at_nonsense"}, 401, "invalid_token"),
    ({"Authorization": "Basic d2lraTp4"}, 401, None),
]


def test_userinfo_challenges(gateway, wiki):
    url = f"{wiki.issuer}/userinfo"
    for headers, status, error in REFUSED_AT_USERINFO:
        answer = requests.get(url, headers=headers, timeout=30)
        assert answer.status_code == status
        challenge = answer.headers["WWW-Authenticate"]
        assert challenge.startswith("Bearer")
        assert ("error=" in challenge) == (error is not None)
    tokens = wiki.tokens(scope=OPENID)
    refresh = userinfo(wiki, tokens["refresh_token"])
    assert (refresh.status_code, refresh.json()["reason"]) == (401, "not-an-access-token")
    # A cookie proves nothing here.
    assert wiki.browser.get(url).status_code == 401
    posted = requests.post(url, data={"access_token": tokens["access_token"]}, timeout=30)
    assert posted.json()["preferred_username"] == "ann"
    twice = userinfo(wiki, tokens["access_token"], "post", data={"access_token": "gp_at_x"})
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    mcp = wiki.tokens(scope="openid", resource=f"{gateway.base_url}/mcp")
    assert userinfo(wiki, mcp["access_token"]).json()["reason"] == "token-not-for-resource"
    preflight = requests.options(url, timeout=30)
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]


def test_who_may_not_use_a_client_is_denied(gateway, browser):
    assert "code" in OAuthClient(gateway, browser, "staff").told(
        OAuthClient(gateway, browser, "staff").authorize()
    )
    other = Browser(gateway)
    other.sign_in("bob")
    staff = OAuthClient(gateway, other, "staff")
    assert staff.told(staff.authorize())["error"] == "access_denied"


def test_an_id_token_hint_names_the_expected_person(gateway, wiki):
    token = wiki.tokens(scope="openid")["id_token"]
    assert "code" in wiki.told(wiki.authorize(prompt="none", scope="openid", id_token_hint=token))
    other = Browser(gateway)
    other.sign_in("bob")
    foreign = OAuthClient(gateway, other, "wiki", secret=SECRET)
    told = foreign.told(foreign.authorize(prompt="none", scope="openid", id_token_hint=token))
    assert told["error"] == "login_required"
    asked = foreign.authorize(scope="openid", id_token_hint=token)
    assert "prompt=select_account" in asked.headers["Location"]
    forged = wiki.authorize(scope="openid", id_token_hint=token[:-4] + "AAAA")
    assert wiki.told(forged)["error"] == "invalid_request"


def test_a_login_hint_goes_to_the_sign_in(gateway):
    client = OAuthClient(gateway, Browser(gateway), "cli")
    location = client.authorize(login_hint="ann").headers["Location"]
    assert "login_hint=ann" in location
    assert 'value="ann"' in client.browser.page(location).text


# Signing out from the client.


def test_a_client_signs_its_user_out(wiki):
    token = wiki.tokens(scope=HERE)["id_token"]
    answer = end_session(wiki, id_token_hint=token, post_logout_redirect_uri=GOODBYE, state="a b&c")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{GOODBYE}?state=a+b%26c"
    assert wiki.browser.whoami() is None


def test_without_a_hint_of_this_session_people_are_asked(gateway, wiki):
    token = wiki.tokens(scope=HERE)["id_token"]
    other = Browser(gateway)
    other.sign_in()
    elsewhere = OAuthClient(gateway, other, "wiki", secret=SECRET)
    for client, given in (
        (wiki, {}),
        (wiki, {"client_id": "wiki", "post_logout_redirect_uri": GOODBYE}),
        (elsewhere, {"id_token_hint": token, "post_logout_redirect_uri": GOODBYE}),
    ):
        page = end_session(client, **given)
        assert page.status_code == 200
        assert "Sign out?" in page.text
        assert client.browser.whoami()["user"] == "ann"
    agreed = "/_gatepost/end_session?client_id=wiki&post_logout_redirect_uri=" + GOODBYE
    assert wiki.browser.form(agreed, CROSS).headers["Location"].endswith(agreed.partition("?")[2])
    assert wiki.browser.whoami()["user"] == "ann"
    answer = wiki.browser.form(agreed)
    assert (answer.status_code, answer.headers["Location"]) == (303, GOODBYE)
    assert wiki.browser.whoami() is None


def test_end_session_leads_nowhere_that_is_not_registered(wiki):
    token = wiki.tokens(scope=HERE)["id_token"]
    forged = jwt.encode({"alg": "ES256"}, {"aud": "wiki"}, ECKey.generate_key("P-256"))
    for given in (
        {"post_logout_redirect_uri": GOODBYE},
        {"id_token_hint": token, "post_logout_redirect_uri": GOODBYE + "/"},
        {"id_token_hint": token, "post_logout_redirect_uri": "https://evil.test/"},
        {"id_token_hint": token, "post_logout_redirect_uri": CALLBACK},
        {"id_token_hint": token, "client_id": "cli", "post_logout_redirect_uri": GOODBYE},
        {"client_id": "cli", "post_logout_redirect_uri": GOODBYE},
        {"client_id": "nobody", "post_logout_redirect_uri": GOODBYE},
        {"id_token_hint": forged, "post_logout_redirect_uri": GOODBYE},
        {"id_token_hint": token[:-4] + "AAAA", "post_logout_redirect_uri": GOODBYE},
        {"client_id": ["wiki", "cli"], "post_logout_redirect_uri": GOODBYE},
        {"client_id": "wiki", "post_logout_redirect_uri": [GOODBYE, "https://evil.test/"]},
    ):
        answer = end_session(wiki, **given)
        assert answer.status_code == 400, given
        assert "Location" not in answer.headers
        assert wiki.browser.whoami()["user"] == "ann"


def test_a_form_of_a_client_goes_on_with_get(wiki):
    token = wiki.tokens(scope=HERE)["id_token"]
    given = {"id_token_hint": token, "post_logout_redirect_uri": GOODBYE + "?from=wiki"}
    asked = wiki.browser.form("/_gatepost/end_session", CROSS, **given, state="x")
    assert asked.status_code == 303
    answer = wiki.browser.page(asked.headers["Location"])
    assert answer.headers["Location"] == f"{GOODBYE}?from=wiki&state=x"


# private_key_jwt.


def assertion(client, key, **changes):
    now = int(clock())
    claims = {
        "iss": client.client_id,
        "sub": client.client_id,
        "aud": f"{client.issuer}/token",
        "iat": now,
        "exp": now + 60,
        "jti": base64.b64encode(hashlib.sha256(repr(changes).encode()).digest()).decode(),
        **changes,
    }
    claims = {name: it for name, it in claims.items() if it is not None}
    return jwt.encode({"alg": "ES256"}, claims, key)


def prove(client, text, **changes):
    return client.redeem(
        client.code(scope="openid"),
        client_assertion=text,
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        **changes,
    )


def test_a_client_proves_itself_with_its_key(gateway, browser, client_key):
    signer = OAuthClient(gateway, browser, "signer")

    def signed(**changes):
        return assertion(signer, client_key, **changes)

    text = signed()
    status, tokens = prove(signer, text)
    assert status == 200, tokens
    assert verified(signer.issuer, tokens["id_token"])[1]["aud"] == "signer"
    assert prove(signer, signed(aud=signer.issuer), client_id=None)[0] == 200
    assert prove(signer, signed(aud=["x", signer.issuer]))[0] == 200
    now = int(clock())
    stranger = jwt.encode({"alg": "ES256"}, {"sub": "signer"}, ECKey.generate_key("P-256"))
    unsigned = signed().rpartition(".")[0] + "."
    bad = [
        text,
        stranger,
        unsigned,
        signed(iss="wiki"),
        signed(aud="https://elsewhere.test"),
        signed(aud=None),
        signed(exp=None),
        signed(exp=now - 120),
        signed(exp=now + 3600),
        signed(nbf=now + 600),
        signed(jti=None),
        "nonsense",
    ]
    for one in bad:
        status, refused = prove(signer, one)
        assert (status, refused["error"]) == (401, "invalid_client"), one
    status, refused = prove(signer, signed(sub="wiki"))
    assert (status, refused["error"]) == (400, "invalid_request")
    # Its name alone is not enough.
    assert signer.redeem(signer.code())[1]["error"] == "invalid_client"
    # Nor does its key speak for another client.
    assert prove(signer, signed(iss="old", sub="old"), client_id="old")[0] == 401
