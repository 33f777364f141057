"""People sign in for clients at the gateway's own ``authorize``."""

import asyncio
import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from gateway.credentials.key_format import new_key
from tests.e2e.browsing import CROSS, Browser
from tests.e2e.oauth_client import CALLBACK, OAuthClient
from tests.e2e.raw import OK, connect, get
from tests.e2e.test_reload import hang_up
from tests.fixtures.accounts import add

MCP = {"name": "mcp", "prefix": "/mcp", "access": {"allow": [{"user": "ann"}]}, "mcp": True}
TOOLS = {"name": "tools", "path": "/tools", "access": "signed_in", "mcp": True}
SCOPED = {"name": "reports", "prefix": "/reports", "access": {"allow": [{"scope": "reports:read"}]}}
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}
ACCOUNT = "/_gatepost/account"
CLIENTS = {
    "cli": {"redirect_uris": ["http://127.0.0.1/callback", CALLBACK], "name": "The CLI"},
    "wiki": {
        "redirect_uris": [CALLBACK],
        "client_secret": "a secret of the wiki",
        "scopes": ["reports:read"],
    },
}


@pytest.fixture
def gateway(start_standalone):
    started = start_standalone(tokens={"clients": CLIENTS}, routes=[MCP, TOOLS, SCOPED, REST])
    add(started, "ann")
    return started


@pytest.fixture
def cli(gateway, browser):
    return OAuthClient(gateway, browser, "cli")


def test_a_person_signs_in_and_the_client_gets_tokens(gateway):
    browser = Browser(gateway)
    client = OAuthClient(gateway, browser, "cli")

    answer = client.authorize()
    assert answer.status_code == 302
    where = urlsplit(answer.headers["Location"])
    assert where.path == "/_gatepost/sign-in"
    return_to = dict(parse_qsl(where.query))["return_to"]
    signed_in = browser.sign_in(return_to=return_to)
    assert signed_in.headers["Location"] == return_to

    page = browser.page(return_to)
    assert page.status_code == 200
    assert "Allow <strong>The CLI</strong>?" in page.text
    assert "client.test" in page.text
    told = client.told(client.allow(page))
    assert told["state"] == "s t&a=te"
    assert told["iss"] == client.issuer

    status, tokens = client.redeem(told["code"])
    assert status == 200, tokens
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    answer = client.get(tokens["access_token"])
    assert answer.json()["Remote-User"] == "ann"
    assert "gp_at_" not in answer.text
    who = client.get(tokens["access_token"], "/_gatepost/whoami").json()
    assert (who["user"], who["credential"]) == ("ann", "token")


def test_consent_is_asked_once_and_withdrawn_with_the_session(cli, browser):
    page = cli.authorize()
    assert page.status_code == 200
    assert cli.told(cli.allow(page, "deny"))["error"] == "access_denied"
    tokens = cli.tokens()

    assert "code" in cli.told(cli.authorize())
    assert cli.authorize(prompt="consent").status_code == 200
    assert cli.authorize(scope="offline_access").status_code == 200
    [session] = [it for it in browser.get(f"{cli.issuer}/api/sessions").json() if not it["current"]]
    assert session["kind"] == "token"
    ended = browser.delete(
        f"{cli.issuer}/api/sessions/{session['id']}", headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert ended.status_code == 204
    assert cli.authorize().status_code == 200
    assert cli.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"


def test_who_signs_out_everywhere_takes_back_every_consent(cli, browser):
    cli.code()  # Not redeemed, so the client has no session that could be ended.
    assert cli.authorize().status_code == 302
    ended = browser.delete(f"{cli.issuer}/api/sessions", headers={"Sec-Fetch-Site": "same-origin"})
    assert ended.status_code == 204
    browser.sign_in()
    assert cli.authorize().status_code == 200


def test_an_app_is_disconnected_on_the_account_page(gateway, cli, browser):
    mcp = f"{gateway.base_url}/mcp"
    tokens = cli.tokens(resource=mcp, scope="offline_access")
    page = browser.page(ACCOUNT).text
    row = page[page.index('id="connected"') :]
    for shown in ("The CLI", mcp, "while you are away", "last used", 'value="cli"'):
        assert shown in row
    # The session of the app has its name too.
    assert page.count("The CLI") > row.count("The CLI")

    assert browser.form(ACCOUNT, CROSS, disconnect="cli").status_code == 403
    assert cli.authorize(resource=mcp, scope="offline_access").status_code == 302
    for _ in range(2):
        assert browser.form(ACCOUNT, disconnect="cli").status_code == 303
    assert "The CLI" not in browser.page(ACCOUNT).text
    assert cli.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"
    assert cli.authorize(resource=mcp, scope="offline_access").status_code == 200


def test_nobody_disconnects_the_apps_of_another(gateway, cli, browser):
    add(gateway, "bob")
    cli.code()
    bob = Browser(gateway)
    bob.sign_in("bob")

    assert bob.form(ACCOUNT, disconnect="cli").status_code == 303
    assert cli.authorize().status_code == 302
    assert "The CLI" not in bob.page(ACCOUNT).text


def test_only_what_was_connected_is_disconnected_and_noted(gateway, cli, browser):
    cli.code()
    for client in ("cli", "cli", "made-up" * 1000):
        assert browser.form(ACCOUNT, disconnect=client).status_code == 303

    last = browser.page(ACCOUNT).headers["X-Request-Id"]
    gateway.wait_for_audit(request_id=last)
    noted = [it for it in gateway.audit() if it.get("action") == "own.client.disconnect"]
    assert [it["target"]["id"] for it in noted] == ["cli"]


def test_consent_at_one_resource_is_none_at_another(gateway, cli):
    mcp, tools = f"{gateway.base_url}/mcp", f"{gateway.base_url}/tools"
    cli.tokens(resource=mcp, scope="offline_access")
    cli.tokens(resource=tools)
    cli.tokens()

    assert "code" in cli.told(cli.authorize(resource=mcp, scope="offline_access"))
    for changes in (
        {"resource": tools, "scope": "offline_access"},
        {"resource": [mcp, tools], "scope": "offline_access"},
        {"scope": "offline_access"},
    ):
        assert cli.authorize(**changes).status_code == 200
    for resource in (mcp, [mcp, tools], None):
        assert "code" in cli.told(cli.authorize(resource=resource))


def test_the_consent_page_cannot_be_framed_and_leads_only_to_the_client(cli):
    page = cli.authorize()
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self' https://client.test;" in policy
    assert page.headers["X-Frame-Options"] == "DENY"
    local = cli.authorize(redirect_uri="http://127.0.0.1:4711/callback")
    assert "form-action 'self' http://127.0.0.1:4711;" in local.headers["Content-Security-Policy"]
    assert "on your own machine" in local.text
    assert "on your own machine" not in page.text


def test_consent_needs_a_page_of_ours_and_the_same_session(gateway, cli, browser):
    page = cli.authorize()
    assert cli.allow(page, headers=CROSS).status_code == 403
    other = Browser(gateway)
    other.sign_in()
    foreign = OAuthClient(gateway, other, "cli")
    refused = foreign.allow(page)
    assert (refused.status_code, "consent-lapsed" in refused.text) == (400, True)
    assert browser.form("/_gatepost/consent", question="", answer="allow").status_code == 400
    assert cli.allow(page, "perhaps").status_code == 400


def test_a_code_is_good_once_and_a_replay_ends_what_it_gave(cli):
    code = cli.code()
    status, tokens = cli.redeem(code)
    assert status == 200
    assert cli.get(tokens["access_token"]).status_code == 200

    status, refused = cli.redeem(code)
    assert (status, refused["error"], refused["reason"]) == (400, "invalid_grant", "code-reused")
    assert cli.get(tokens["access_token"]).status_code == 401
    assert cli.refresh(tokens["refresh_token"])[1]["error"] == "invalid_grant"


def test_a_code_ends_with_the_session_that_got_it(cli, browser):
    code = cli.code()
    ended = browser.delete(f"{cli.issuer}/api/sessions", headers={"Sec-Fetch-Site": "same-origin"})
    assert ended.status_code == 204
    status, refused = cli.redeem(code)
    assert (status, refused["error"], refused["reason"]) == (
        400,
        "invalid_grant",
        "session-expired",
    )

    assert browser.sign_in().status_code == 303
    code = cli.code()
    # Another sign-in only takes the session's place.
    assert browser.sign_in().status_code == 303
    assert cli.redeem(code)[0] == 200


def test_of_many_requests_with_one_code_at_most_one_gets_tokens(cli):
    code = cli.code()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: cli.redeem(code), range(8)))
    given = [tokens for status, tokens in answers if status == 200]
    assert len(given) <= 1
    # Whoever got tokens has lost them to the replays.
    assert all(cli.get(it["access_token"]).status_code == 401 for it in given)


NOT_ENOUGH = [
    ({"code_verifier": "x" * 43}, "wrong-code-verifier"),
    ({"code_verifier": None}, "invalid-request"),
    ({"redirect_uri": "http://127.0.0.1/callback"}, "unknown-redirect-uri"),
    ({"code": "gp_ac_" + "A" * 43}, "unknown-code"),
    ({"client_id": "wiki"}, "wrong-client-secret"),
    ({"client_id": "nobody"}, "unknown-client"),
    ({"client_id": None}, "invalid-request"),
    ({"resource": "https://elsewhere.test"}, "resource-not-granted"),
    ({"grant_type": "password"}, "invalid-request"),
]


def test_a_code_alone_gives_nothing(cli):
    for changes, reason in NOT_ENOUGH:
        status, refused = cli.redeem(cli.code(), **changes)
        assert (status in (400, 401), refused["reason"]) == (True, reason), refused


def test_a_code_of_another_client_gives_nothing(gateway, cli, browser):
    wiki = OAuthClient(gateway, browser, "wiki", secret="a secret of the wiki")
    status, refused = wiki.redeem(cli.code(), code_verifier=cli.verifier)
    assert (status, refused["reason"]) == (400, "token-of-another-client")
    tokens = cli.tokens()
    assert wiki.refresh(tokens["refresh_token"])[1]["reason"] == "token-of-another-client"


def test_a_client_with_a_secret_proves_itself(gateway, browser):
    wiki = OAuthClient(gateway, browser, "wiki", secret="a secret of the wiki")
    tokens = wiki.tokens(scope="reports:read unknown")
    assert tokens["scope"] == "reports:read"
    assert wiki.get(tokens["access_token"], "/reports/1").status_code == 200
    guessing = OAuthClient(gateway, browser, "wiki", secret="another secret")
    refused = guessing.refresh(tokens["refresh_token"])
    assert (refused[0], refused[1]["error"]) == (401, "invalid_client")
    posted = requests.post(
        f"{wiki.issuer}/token",
        data={
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": "wiki",
            "client_secret": "a secret of the wiki",
        },
        timeout=30,
    )
    assert posted.status_code == 200
    both = requests.post(
        f"{wiki.issuer}/token",
        data={"grant_type": "refresh_token", "refresh_token": "x", "client_secret": "y"},
        auth=("wiki", "a secret of the wiki"),
        timeout=30,
    )
    assert both.json()["error"] == "invalid_request"


MISTAKES = [
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": None}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"request": "ey.ey."}, "request_not_supported"),
    ({"request_uri": "https://client.test/r"}, "request_uri_not_supported"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"prompt": "sometimes"}, "invalid_request"),
    ({"prompt": "none"}, "consent_required"),
    ({"max_age": "-1"}, "invalid_request"),
    ({"resource": "https://elsewhere.test/mcp"}, "invalid_target"),
    ({"resource": ["https://elsewhere.test/mcp", "https://elsewhere.test"]}, "invalid_target"),
    ({"scope": "nothing"}, "invalid_scope"),
    ({"scope": "two  blanks"}, "invalid_scope"),
    ({"nonce": ["a", "b"]}, "invalid_request"),
]


def test_mistakes_are_told_at_the_redirect_uri(cli):
    for changes, error in MISTAKES:
        told = cli.told(cli.authorize(**changes))
        assert (told["error"], told["state"], told["iss"]) == (error, "s t&a=te", cli.issuer)
        assert "code" not in told


UNKNOWN = [
    {"client_id": "nobody"},
    {"client_id": None},
    {"client_id": ["cli", "wiki"]},
    {"redirect_uri": None},
    {"redirect_uri": [CALLBACK, "https://evil.test/"]},
    {"redirect_uri": CALLBACK + "/"},
    {"redirect_uri": CALLBACK + "?next=https://evil.test"},
    {"redirect_uri": CALLBACK + "#fragment"},
    {"redirect_uri": "https://CLIENT.test/callback"},
    {"redirect_uri": "https://client.test:8443/callback"},
    {"redirect_uri": "https://user@client.test/callback"},
    {"redirect_uri": "http://127.0.0.1.evil.test/callback"},
    {"redirect_uri": "http://127.0.0.1:80@evil.test/callback"},
    {"redirect_uri": "http://127.0.0.1:4711/other"},
    {"redirect_uri": "http://localhost:4711/callback"},
    {"redirect_uri": "javascript:alert(1)"},
    {"state": ["a", "b"]},
]


def test_nobody_is_sent_where_no_client_is(cli):
    for changes in UNKNOWN:
        answer = cli.authorize(**changes)
        assert answer.status_code == 400
        assert "Location" not in answer.headers


def test_the_port_of_a_loopback_address_is_free(cli):
    answer = cli.authorize(redirect_uri="http://127.0.0.1:53682/callback")
    assert answer.status_code == 200


def test_prompts_and_ages_ask_for_a_new_sign_in_once(gateway, cli, browser):
    cli.tokens()
    for changes in ({"prompt": "login"}, {"max_age": "0"}, {"acr_values": "gold"}):
        answer = cli.authorize(**changes)
        assert answer.status_code == 302
        location = answer.headers["Location"]
        assert location.startswith("/_gatepost/sign-in?"), location
        return_to = dict(parse_qsl(urlsplit(location).query))["return_to"]
        # The mark alone proves nothing: the session is older.
        assert browser.page(return_to).headers["Location"].startswith("/_gatepost/sign-in?")
        assert browser.sign_in(return_to=return_to).status_code == 303
        assert "code" in cli.told(browser.page(return_to))
    signed_out = OAuthClient(gateway, Browser(gateway), "cli")
    assert signed_out.told(signed_out.authorize(prompt="none"))["error"] == "login_required"
    assert cli.told(cli.authorize(prompt="none", max_age="0"))["error"] == "login_required"
    assert "code" in cli.told(cli.authorize(prompt="none"))


def test_a_person_who_signed_in_anew_is_not_sent_again_by_their_answer(cli, browser):
    for changes in (
        {"prompt": "login consent"},
        {"prompt": "select_account consent"},
        {"prompt": "consent", "max_age": "0"},
    ):
        location = cli.authorize(**changes).headers["Location"]
        return_to = dict(parse_qsl(urlsplit(location).query))["return_to"]
        browser.sign_in(return_to=return_to)
        page = browser.page(return_to)
        assert page.status_code == 200
        assert "code" in cli.told(cli.allow(page))


def test_a_mark_of_another_request_is_no_proof_of_a_sign_in(cli, browser):
    cli.tokens()
    location = cli.authorize(prompt="login").headers["Location"]
    return_to = dict(parse_qsl(urlsplit(location).query))["return_to"]
    mark = re.search(r"gatepost_since=([^&]+)", return_to)[1]
    browser.sign_in()
    answer = cli.authorize(prompt="login", nonce="another", gatepost_since=mark)
    assert answer.headers["Location"].startswith("/_gatepost/sign-in?")


def test_a_form_goes_on_with_get(cli):
    answer = cli.browser.form("/_gatepost/authorize", CROSS, **cli.asked())
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/_gatepost/authorize?{urlencode(cli.asked())}"


def test_who_may_not_enter_the_resource_is_denied(gateway):
    add(gateway, "bob")
    browser = Browser(gateway)
    browser.sign_in("bob")
    client = OAuthClient(gateway, browser, "cli")
    told = client.told(client.authorize(resource=f"{gateway.base_url}/mcp"))
    assert told["error"] == "access_denied"
    assert client.authorize(resource=f"{gateway.base_url}/tools").status_code == 200


def test_tokens_are_good_for_their_resource_alone(gateway, cli):
    mcp = cli.tokens(resource=f"{gateway.base_url}/mcp")["access_token"]
    tools = cli.tokens(resource=f"{gateway.base_url}/tools")["access_token"]
    whole = cli.tokens()["access_token"]
    itself = cli.tokens(resource=gateway.base_url)["access_token"]
    both = [f"{gateway.base_url}/mcp/a", f"{gateway.base_url}/tools"]
    two = cli.tokens(resource=both)["access_token"]

    def statuses(token):
        return [cli.get(token, path).status_code for path in ("/mcp", "/tools", "/notes")]

    assert statuses(mcp) == [200, 401, 401]
    assert statuses(tools) == [401, 200, 401]
    assert statuses(two) == [200, 200, 401]
    assert statuses(whole) == statuses(itself) == [401, 401, 200]
    who = cli.get(mcp, "/_gatepost/whoami")
    assert (who.status_code, who.json()["reason"]) == (401, "token-not-for-resource")
    refused = cli.get(whole, "/mcp")
    assert refused.json()["reason"] == "token-not-for-resource"
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="invalid_token"' in challenge
    where = f"{gateway.base_url}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{where}"' in challenge


def test_a_token_for_a_server_is_not_good_on_its_other_hosts(start_standalone):
    elsewhere = {"name": "elsewhere", "prefix": "/", "host": "other.test", "access": "denied"}
    gateway = start_standalone(tokens={"clients": CLIENTS}, routes=[TOOLS, elsewhere, REST])
    add(gateway, "ann")
    browser = Browser(gateway)
    browser.sign_in()
    client = OAuthClient(gateway, browser, "cli")
    token = client.tokens(resource=f"{gateway.base_url}/tools")["access_token"]

    assert client.get(token, "/tools").status_code == 200
    refused = client.get(token, "/tools", Host="other.test")
    assert (refused.status_code, refused.json()["reason"]) == (401, "token-not-for-resource")


def test_introspection_names_client_and_resource(start_standalone):
    key = new_key(os.urandom)
    digest = hashlib.sha256(key.encode()).hexdigest()
    static = [{"name": "app", "user": "app", "sha256": digest, "scopes": ["introspect"]}]
    gateway = start_standalone(
        tokens={"clients": CLIENTS}, routes=[MCP, REST], api_keys={"static": static}
    )
    add(gateway, "ann")
    browser = Browser(gateway)
    browser.sign_in()
    client = OAuthClient(gateway, browser, "cli")
    url = f"{gateway.base_url}/mcp"
    for token in client.tokens(resource=url).values():
        if not str(token).startswith("gp_"):
            continue
        found = requests.post(
            f"{client.issuer}/introspect",
            data={"token": token},
            headers={"X-API-Key": key},
            timeout=30,
        ).json()
        assert (found["active"], found["client_id"], found["aud"]) == (True, "cli", [url])


def test_guessed_secrets_of_a_client_are_throttled(gateway, browser):
    for guess in range(30):
        client = OAuthClient(gateway, browser, "wiki", secret=f"guess number {guess} of many")
        status, refused = client.refresh("gp_rt_x")
        if status == 429:
            break
        assert (status, refused["reason"]) == (401, "wrong-client-secret")
    assert status == 429


def test_resources_are_byte_true(gateway, cli):
    base = gateway.base_url
    for url in (
        base.upper().replace("HTTP", "http") + "/mcp" if "localhost" in base else f"{base}/MCP",
        f"{base}/mcp?x=1",
        f"{base}/mcp#x",
        f"{base}/notes",
        f"{base}/mcp/../notes",
        f"{base}/mcp%2f",
        f"{base}//mcp",
        base.replace("http:", "https:") + "/mcp",
        f"{base}.evil.test/mcp",
        f"{base}@evil.test/mcp",
    ):
        assert cli.told(cli.authorize(resource=url))["error"] == "invalid_target", url
    mixed = [f"{base}/mcp", base]
    assert cli.told(cli.authorize(resource=mixed))["error"] == "invalid_target"


def test_a_refresh_stays_with_the_resource(gateway, cli):
    url = f"{gateway.base_url}/mcp"
    tokens = cli.tokens(resource=url)
    status, refused = cli.refresh(tokens["refresh_token"], resource=f"{gateway.base_url}/tools")
    assert (status, refused["error"]) == (400, "invalid_target")
    status, renewed = cli.refresh(tokens["refresh_token"], resource=url)
    assert status == 200
    assert cli.get(renewed["access_token"], "/mcp").status_code == 200
    assert cli.get(renewed["access_token"], "/tools").status_code == 401


async def test_a_refresh_ends_with_what_the_file_took_back(gateway, cli, browser):
    wiki = OAuthClient(gateway, browser, "wiki", secret="a secret of the wiki")
    kept = wiki.tokens(scope="reports:read")
    tools = cli.tokens(resource=f"{gateway.base_url}/tools")

    less = {**CLIENTS, "wiki": {**CLIENTS["wiki"], "scopes": ["reports:write"]}}
    await hang_up(gateway, tokens={"clients": less}, routes=[MCP, SCOPED, REST])

    for client, tokens, reason in ((wiki, kept, "scope-gone"), (cli, tools, "resource-gone")):
        status, refused = client.refresh(tokens["refresh_token"])
        assert (status, refused["error"], refused["reason"]) == (400, "invalid_grant", reason)
    assert wiki.refresh(wiki.tokens(scope="reports:write")["refresh_token"])[0] == 200
    # Without `scopes`, a client has none where no rule names them.
    del less["wiki"]["scopes"]
    write = wiki.tokens(scope="reports:write")
    await hang_up(gateway, tokens={"clients": less})
    assert wiki.refresh(write["refresh_token"])[1]["reason"] == "scope-gone"


async def echo(connection):
    head = await connection.read_head()
    if b"upgrade: raw" not in head.lower():
        await connection.send(OK)
        return
    await connection.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: raw\r\n\r\n")
    while piece := await connection.reader.read(100):
        await connection.send(piece)


async def test_a_tunnel_lasts_as_long_as_its_client(start_standalone, raw_upstream):
    app = {"app": {"url": (await raw_upstream(echo)).url}}
    gateway = start_standalone(upstreams=app, tokens={"clients": CLIENTS}, routes=[REST])
    add(gateway, "ann")

    def sign_in():
        browser = Browser(gateway)
        browser.sign_in()
        return OAuthClient(gateway, browser, "cli").tokens()["access_token"]

    token = await asyncio.to_thread(sign_in)
    tunnel = await connect(gateway)
    lines = [f"Authorization: Bearer {token}", "Connection: Upgrade", "Upgrade: raw"]
    assert (await tunnel.ask(get(gateway, "/", *lines))).status == 101

    await hang_up(gateway, accounts={"user_header": "user"})
    await tunnel.send(b"still there")
    assert await tunnel.reader.readexactly(11) == b"still there"
    await hang_up(gateway, tokens={"clients": {"wiki": CLIENTS["wiki"]}})
    assert await tunnel.rest() == b""
    tunnel.writer.close()


def test_metadata_says_what_clients_must_know(gateway, cli):
    base = gateway.base_url
    found = requests.get(f"{base}/.well-known/oauth-protected-resource/mcp", timeout=30)
    assert found.json()["authorization_servers"] == [cli.issuer]
    assert found.json()["resource"] == f"{base}/mcp"
    for url in (
        f"{base}/.well-known/oauth-authorization-server/_gatepost",
        f"{cli.issuer}/.well-known/oauth-authorization-server",
    ):
        answer = requests.get(url, timeout=30)
        about = answer.json()
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert about["issuer"] == cli.issuer
        assert about["authorization_endpoint"] == f"{cli.issuer}/authorize"
        assert about["code_challenge_methods_supported"] == ["S256"]
        assert "none" in about["token_endpoint_auth_methods_supported"]
        assert about["authorization_response_iss_parameter_supported"] is True
        preflight = requests.options(url, timeout=30)
        assert preflight.status_code == 204
    preflight = requests.options(f"{cli.issuer}/token", timeout=30)
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    page = cli.authorize()
    assert "Access-Control-Allow-Origin" not in page.headers


def test_no_secret_is_in_the_log(gateway, cli):
    code = cli.code()
    _, tokens = cli.redeem(code)
    cli.redeem(code)
    log = gateway.log()
    for secret in (code, cli.verifier, tokens["access_token"], tokens["refresh_token"]):
        assert secret not in log
