"""People sign in for a device on another one (RFC 8628)."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from gateway.assembly.worker import Gateway
from gateway.settings.load import load
from tests.e2e.browsing import CROSS, Browser
from tests.e2e.device_client import DEVICE_CODE, SINCE, Device
from tests.fixtures.accounts import add
from tests.fixtures.gateway import GatewayProcess, dump, with_defaults

MCP = {"name": "mcp", "prefix": "/mcp", "access": {"allow": [{"user": "ann"}]}, "mcp": True}
RECENT = {
    "name": "recent",
    "prefix": "/recent",
    "access": {"allow": [{"user": "ann", "acr": "gold"}]},
    "mcp": True,
}
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}
CLIENTS = {
    "tv": {"device": True, "name": "The TV"},
    "web": {"redirect_uris": ["https://client.test/callback"]},
    "box": {"device": True, "client_secret": "a secret of the box"},
}


@pytest.fixture
def gateway(start_standalone):
    started = start_standalone(tokens={"clients": CLIENTS, "consent": "skip"}, routes=[MCP, REST])
    add(started, "ann")
    return started


@pytest.fixture
def tv(gateway, browser):
    return Device(gateway, browser, "tv")


def test_a_person_signs_in_for_a_device(gateway):
    person = Browser(gateway)
    tv = Device(gateway, person, "tv")

    begun = tv.start(device_name="TV in the hall").json()
    assert begun["verification_uri"] == f"{gateway.base_url}/_gatepost/device"
    assert (begun["expires_in"], begun["interval"]) == (600, 5)
    assert tv.error(begun) == "authorization_pending"

    link = urlsplit(begun["verification_uri_complete"])
    answer = person.page(f"{link.path}?{link.query}")
    where = urlsplit(answer.headers["Location"])
    assert where.path == "/_gatepost/sign-in"
    return_to = dict(parse_qsl(where.query))["return_to"]
    assert person.sign_in(return_to=return_to).headers["Location"] == return_to
    page = person.page(return_to)
    assert f'value="{begun["user_code"]}"' in page.text

    question = tv.type(begun["user_code"])
    assert question.status_code == 200
    for shown in ("The TV", "TV in the hall", "127.0.0.1", begun["user_code"], "UTC"):
        assert shown in question.text
    assert "only if you started this yourself" in question.text
    done = tv.answer(question)
    assert "You are signed in on your device" in done.text

    status, tokens = tv.poll(begun, device_name="TV in the hall")
    assert (status, tokens["token_type"], tokens["expires_in"]) == (200, "Bearer", 900)
    assert tv.get(tokens["access_token"]).json()["Remote-User"] == "ann"
    assert tv.refresh(tokens["refresh_token"])[0] == 200
    sessions = person.get(f"{tv.issuer}/api/sessions").json()
    assert "TV in the hall" in [it["device"] for it in sessions if it["kind"] == "token"]


def test_people_are_asked_each_time_and_may_say_no(tv):
    for answer, error in (("allow", None), ("deny", "access_denied"), ("allow", None)):
        begun = tv.start().json()
        page = tv.type(begun["user_code"].lower().replace("-", " "))
        assert "The TV" in page.text
        assert tv.answer(page, answer).status_code == 200
        if error:
            assert tv.error(begun) == error
        else:
            assert tv.poll(begun)[0] == 200


def test_a_code_is_answered_once_and_gives_tokens_once(tv):
    begun = tv.start().json()
    page = tv.type(begun["user_code"])
    again = tv.type(begun["user_code"])
    tv.answer(page)
    assert tv.answer(again, "deny").status_code == 400
    assert tv.type(begun["user_code"]).status_code == 400

    status, tokens = tv.poll(begun)
    assert status == 200
    status, refused = tv.poll(begun)
    assert (status, refused["error"], refused["reason"]) == (400, "invalid_grant", "code-reused")
    assert tv.get(tokens["access_token"]).status_code == 401


def test_of_many_requests_with_one_code_at_most_one_gets_tokens(tv):
    begun = tv.start().json()
    tv.answer(tv.type(begun["user_code"]))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: tv.poll(begun), range(8)))
    given = [tokens for status, tokens in answers if status == 200]
    assert len(given) <= 1
    assert all(tv.get(it["access_token"]).status_code == 401 for it in given)


def test_a_device_that_asks_too_often_is_told_to_slow_down(tv):
    begun = tv.start().json()
    assert tv.error(begun) == "authorization_pending"
    assert [tv.error(begun) for _ in range(2)] == ["slow_down", "slow_down"]
    # The person's answer is not held back by it.
    tv.answer(tv.type(begun["user_code"]))
    assert tv.poll(begun)[0] == 200


def test_the_pages_cannot_be_framed_and_need_a_form_of_ours(gateway, tv, browser):
    begun = tv.start().json()
    page = tv.type(begun["user_code"])
    for shown in (page, browser.page("/_gatepost/device")):
        assert "frame-ancestors 'none'" in shown.headers["Content-Security-Policy"]
        assert "form-action 'self'" in shown.headers["Content-Security-Policy"]
        assert shown.headers["X-Frame-Options"] == "DENY"

    assert tv.type(begun["user_code"], headers=CROSS).status_code == 403
    assert tv.answer(page, headers=CROSS).status_code == 403
    other = Browser(gateway)
    other.sign_in()
    assert tv.answer(page, browser=other).status_code == 400
    assert browser.form("/_gatepost/device", question="", answer="allow").status_code == 400
    assert tv.answer(page, "perhaps").status_code == 400
    signed_out = Browser(gateway)
    assert tv.answer(page, browser=signed_out).status_code == 400
    assert "/sign-in?" in tv.type(begun["user_code"], browser=signed_out).headers["Location"]
    assert tv.error(begun) == "authorization_pending"


def test_a_link_alone_asks_nothing_and_spends_no_tries(tv, browser):
    begun = tv.start().json()
    for _ in range(30):
        page = browser.page("/_gatepost/device?user_code=BCDF-GHJK")
        assert (page.status_code, "Allow" in page.text) == (200, False)
    assert tv.type(begun["user_code"]).status_code == 200


def test_guesses_are_throttled_by_person_and_by_address(gateway, tv):
    add(gateway, "bob")
    begun = tv.start().json()
    answers = [tv.type("BCDF-GHJK") for _ in range(11)]
    assert [it.status_code for it in answers] == [400] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    # Not even the right code, nor from elsewhere or with a new session.
    assert tv.type(begun["user_code"]).status_code == 429
    elsewhere = Browser(gateway, "127.0.0.2")
    elsewhere.sign_in()
    assert tv.type(begun["user_code"], browser=elsewhere).status_code == 429
    same_address = Browser(gateway)
    same_address.sign_in("bob")
    assert tv.type(begun["user_code"], browser=same_address).status_code == 429
    nobody_guessed = Browser(gateway, "127.0.0.3")
    nobody_guessed.sign_in("bob")
    assert tv.type(begun["user_code"], browser=nobody_guessed).status_code == 200


def test_starting_is_throttled(tv):
    statuses = [tv.start().status_code for _ in range(22)]
    assert (statuses[:20], statuses[-1]) == ([200] * 20, 429)


def test_only_clients_that_may_begin(gateway, browser):
    for client, secret, error in (
        ("web", None, "unauthorized_client"),
        ("nobody", None, "invalid_client"),
        ("https://elsewhere.test/client.json", None, "invalid_client"),
        ("box", None, "invalid_client"),
        ("box", "another secret", "invalid_client"),
        (None, None, "invalid_request"),
    ):
        answer = Device(gateway, browser, client).start(client_secret=secret)
        assert (answer.status_code in (400, 401), answer.json()["error"]) == (True, error)
    box = Device(gateway, browser, "box", secret="a secret of the box")
    begun = box.start(client_secret="a secret of the box").json()
    box.answer(box.type(begun["user_code"]))
    tv = Device(gateway, browser, "tv")
    assert tv.poll(begun)[1]["reason"] == "token-of-another-client"
    guessing = Device(gateway, browser, "box", secret="another secret")
    assert guessing.error(begun) == "invalid_client"
    assert box.poll(begun)[0] == 200


def test_mistakes_are_told_to_the_device(gateway, tv):
    base = gateway.base_url
    for changes, error in (
        ({"resource": f"{base}/notes"}, "invalid_target"),
        ({"resource": [f"{base}/mcp", base]}, "invalid_target"),
        ({"resource": "https://elsewhere.test/mcp"}, "invalid_target"),
        ({"scope": "nothing"}, "invalid_scope"),
        ({"scope": "two  blanks"}, "invalid_scope"),
        ({"scope": ["offline_access", "offline_access"]}, "invalid_request"),
    ):
        assert tv.start(**changes).json()["error"] == error, changes
    answer = requests.post(f"{tv.issuer}/device_authorization", json={}, timeout=30)
    assert answer.json()["error"] == "invalid_request"
    for code in ("gp_dc_" + "A" * 43, "gp_ac_" + "A" * 43, "x"):
        assert tv.error({"device_code": code}) == "invalid_grant"
    assert tv.post("token", grant_type=DEVICE_CODE)[1]["error"] == "invalid_request"


def test_tokens_are_good_for_their_resource_alone_and_rules_hold(gateway, tv):
    add(gateway, "bob")
    begun = tv.start(resource=f"{gateway.base_url}/mcp", scope="offline_access").json()
    bob = Browser(gateway)
    bob.sign_in("bob")
    refused = tv.type(begun["user_code"], browser=bob)
    assert (refused.status_code, "resource-not-allowed" in refused.text) == (403, True)
    page = tv.type(begun["user_code"])
    assert f"{gateway.base_url}/mcp" in page.text
    tv.answer(page)
    assert tv.poll(begun, resource=gateway.base_url)[1]["reason"] == "resource-not-granted"
    status, tokens = tv.poll(begun)
    assert (status, tokens["scope"]) == (200, "offline_access")
    assert tv.get(tokens["access_token"], "/mcp").status_code == 200
    assert tv.get(tokens["access_token"], "/notes").status_code == 401


def test_a_resource_that_asks_for_more_sends_to_sign_in_once(start_standalone):
    gateway = start_standalone(tokens={"clients": CLIENTS}, routes=[RECENT, REST])
    add(gateway, "ann")
    person = Browser(gateway)
    person.sign_in()
    tv = Device(gateway, person, "tv")
    begun = tv.start(resource=f"{gateway.base_url}/recent").json()
    answer = tv.type(begun["user_code"])
    assert answer.status_code == 303
    return_to = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["return_to"]
    person.sign_in(return_to=return_to)
    page = person.page(return_to)
    mark = SINCE.search(page.text)[1]
    # The local form cannot give `gold`: once is enough to know.
    assert tv.type(begun["user_code"], gatepost_since=mark).status_code == 403
    other = tv.start(resource=f"{gateway.base_url}/recent").json()
    assert tv.type(other["user_code"], gatepost_since=mark).status_code == 303


def test_metadata_names_the_endpoint_where_a_client_may_use_it(gateway, tv, start_standalone):
    where = "/.well-known/oauth-authorization-server/_gatepost"
    about = requests.get(gateway.base_url + where, timeout=30).json()
    assert about["device_authorization_endpoint"] == f"{tv.issuer}/device_authorization"
    assert DEVICE_CODE in about["grant_types_supported"]

    without = {"clients": {"web": CLIENTS["web"]}, "command_line": False}
    other = start_standalone(tokens=without, routes=[REST])
    about = requests.get(other.base_url + where, timeout=30).json()
    assert "device_authorization_endpoint" not in about
    assert DEVICE_CODE not in about["grant_types_supported"]
    assert requests.get(f"{other.base_url}/_gatepost/device", timeout=30).status_code == 404


def test_no_code_is_in_the_log(gateway, tv):
    begun = tv.start().json()
    tv.answer(tv.type(begun["user_code"]))
    _, tokens = tv.poll(begun)
    log = gateway.log()
    for secret in (begun["device_code"], begun["user_code"], tokens["access_token"]):
        assert secret not in log


class Clock:
    """The machine's, set forward by so many seconds."""

    ahead_s = 0.0

    def __call__(self):
        return time.time() + self.ahead_s  # noqa: TID251 - what is measured against


async def test_nobody_answers_after_ten_minutes(tmp_path, echo_app):
    settings = {
        "upstreams": {"app": {"url": echo_app}},
        "auth_mode": "standalone",
        "store": "sqlite",
        "routes": [REST],
        "tokens": {"clients": CLIENTS},
    }
    config = tmp_path / "gatepost.yaml"
    config.write_text(dump(with_defaults(settings, tmp_path)))
    loaded, clock = load(config, {}).settings, Clock()
    gateway = Gateway(loaded, clock=clock)
    await gateway.start()
    # As `GatewayProcess`, as far as clients need it.
    shown = GatewayProcess(loaded.public_url[0], "", config, tmp_path / "stderr", None)
    await asyncio.to_thread(_nobody_answers, shown, clock)
    await gateway.stop()


def _nobody_answers(gateway, clock):
    add(gateway, "ann")
    person = Browser(gateway)
    assert person.sign_in().status_code == 303
    tv = Device(gateway, person, "tv")
    seen, unseen, allowed = (tv.start().json() for _ in range(3))
    page = tv.type(seen["user_code"])
    tv.answer(tv.type(allowed["user_code"]))
    clock.ahead_s = 599
    assert tv.type(unseen["user_code"]).status_code == 200
    clock.ahead_s = 601
    assert tv.type(unseen["user_code"]).status_code == 400
    assert tv.answer(page).status_code == 400
    assert [tv.error(it) for it in (seen, unseen, allowed)] == ["expired_token"] * 3
    clock.ahead_s = 3600
    assert tv.error(seen) == "invalid_grant"
