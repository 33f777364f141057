"""From "who are you" to a session, whatever browser, provider and stranger do."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from random import Random
from string import ascii_letters, digits
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from gateway.endpoints.callback import Callback
from gateway.endpoints.sign_in import SignIn
from tests.endpoints.conftest import HOST, WAYS, local, location
from tests.oidc.hostile import SUBJECT, Wrongs

CALLBACK = "/_gatepost/callback/hostile"
SESSION = "__Host-gatepost"


@pytest.fixture(params=WAYS)
def way(request):
    """In place, and over TLS as a gateway serves it."""
    return request.param


async def begin(browser, target="/_gatepost/login/hostile?return_to=/a%3Fb=c"):
    return location(await browser.get(target))


async def come_back(browser, hostile, at_provider, **extra):
    answer = hostile.approve(at_provider, **extra)
    return await browser.get(f"{CALLBACK}?{urlencode(answer)}", site="cross-site")


async def sign_in(browser, hostile, **how):
    return await come_back(browser, hostile, await begin(browser, **how))


async def test_a_person_signs_in_and_is_back_where_they_wanted_to_go(browser, hostile, sign_ins):
    response = await sign_in(browser, hostile)

    assert (response.status, location(response)) == (302, "/a?b=c")
    assert ("Cache-Control", "no-store") in response.fields
    assert (await browser.whoami())["subject"] == SUBJECT
    assert browser.flow_cookies() == []
    assert sign_ins == [("hostile", "success")]


async def test_what_a_provider_adds_to_its_answer_is_ignored(browser, hostile):
    # RFC 6749, section 4.1.2.
    answer = {**hostile.approve(await begin(browser)), "session_state": "x", "unknown": "1"}

    response = await browser.get(f"{CALLBACK}?{urlencode(answer)}", site="cross-site")

    assert (response.status, location(response)) == (302, "/a?b=c")


async def test_a_sign_in_that_the_store_cannot_keep_starts_again(
    browser, hostile, store, sign_ins, caplog
):
    at_provider = await begin(browser)
    store.down = True

    response = await come_back(browser, hostile, at_provider)

    page = response.body.decode()
    assert response.status == 503
    assert "Your sign-in was not completed" in page
    assert "Start it again in a moment" in page
    assert "You do not need to sign in again" not in page
    assert 'href="/_gatepost/sign-in?return_to=/a%3Fb%3Dc"' in page
    assert browser.flow_cookies() == []
    assert SESSION not in browser.cookies
    assert sign_ins == [("hostile", "sign-in-unfinished")]
    assert "sign-in at hostile: sign-in-unfinished: told to fail" in caplog.text

    store.down = False
    response = await sign_in(browser, hostile)
    assert (response.status, location(response)) == (302, "/a?b=c")
    assert sign_ins[1:] == [("hostile", "success")]


async def test_the_cookies_are_kept_from_scripts_and_other_hosts(browser, hostile):
    await sign_in(browser, hostile)

    assert all(name.startswith("__Host-") for name in browser.cookies)
    for value in browser.set_cookies:
        attributes = value.split("; ")[1:]
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=Lax"} <= set(attributes)
        assert not any(attribute.startswith("Domain") for attribute in attributes)


async def test_over_plain_http_the_cookies_come_without_prefix(make_browser, add_provider, hostile):
    add_provider()
    browser = make_browser(public_url=f"http://{HOST}", name="gp")

    await sign_in(browser, hostile)

    assert "gp" in browser.cookies
    assert not any("Secure" in value for value in browser.set_cookies)


async def test_a_domain_is_for_the_session_cookie_only(make_browser, add_provider, hostile):
    add_provider()
    browser = make_browser(domain="example.com")

    await sign_in(browser, hostile)

    assert "gatepost" in browser.cookies
    assert [v.split("=")[0] for v in browser.set_cookies if "Domain=example.com" in v] == [
        "gatepost"
    ]


async def test_with_one_provider_the_choice_goes_straight_on(browser, hostile):
    response = await browser.get("/_gatepost/sign-in?return_to=/x")

    assert location(response).startswith(f"{hostile.issuer}/authorize?")


async def test_several_providers_are_offered(make_browser, add_provider):
    add_provider("one")
    add_provider("two", label="Sign in <here>")
    browser = make_browser()

    response = await browser.get("/_gatepost/sign-in?return_to=/x%3Fy&max_age=60")

    page = response.body.decode()
    assert response.status == 200
    assert 'href="/_gatepost/login/one?return_to=/x%3Fy&amp;max_age=60"' in page
    assert "Sign in &lt;here&gt;" in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("return_to=/a", "/a"),
        ("return_to=https://evil.example/", "/"),
        ("return_to=//evil.example", "/"),
        ("return_to=/%5Cevil.example", "/"),
        ("return_to=/a&return_to=/b", "/"),
        ("return_to=%FF", "/"),
        ("", "/"),
        ("return_to=/_gatepost/account", "/_gatepost/account"),
        ("return_to=/_gatepost/sign-in?return_to=/x", "/"),
        ("return_to=/_gatepost/login/hostile", "/"),
        ("return_to=/%255Fgatepost/login/hostile", "/"),
    ],
)
async def test_the_way_back_stays_on_this_host(browser, hostile, query, expected):
    response = await sign_in(browser, hostile, target=f"/_gatepost/login/hostile?{query}")

    assert location(response) == expected


async def test_a_step_up_is_asked_for(browser):
    at_provider = await begin(
        browser, "/_gatepost/login/hostile?return_to=/&max_age=300&acr_values=gold%20silver"
    )

    asked = parse_qs(urlsplit(at_provider).query)
    assert (asked["max_age"], asked["acr_values"]) == (["300"], ["gold silver"])


@pytest.mark.parametrize(
    ("supported", "configured", "expected"),
    [
        (None, {}, "select_account"),
        (["none", "login", "select_account"], {}, "select_account"),
        (["none", "login", "consent"], {}, "login"),
        (None, {"prompt": "consent"}, "consent select_account"),
        (None, {"prompt": "none"}, "select_account"),
        (["login"], {"prompt": "login"}, "login"),
    ],
)
async def test_a_person_may_sign_in_as_somebody_else(
    make_browser, add_provider, hostile, supported, configured, expected
):
    if supported is not None:
        hostile.wrongs = Wrongs(discovery={"prompt_values_supported": supported})
    add_provider(authorize_params=configured)
    browser = make_browser()
    await sign_in(browser, hostile)
    before = browser.cookies[SESSION]

    at_provider = await begin(browser, "/_gatepost/sign-in?return_to=/x&prompt=select_account")

    assert parse_qs(urlsplit(at_provider).query)["prompt"] == [expected]
    assert location(await come_back(browser, hostile, at_provider)) == "/x"
    assert browser.cookies[SESSION] != before


async def test_the_choice_brings_its_script(make_browser, add_provider):
    add_provider("one")
    add_provider("two")
    browser = make_browser()
    page = (await browser.get("/_gatepost/sign-in?return_to=/x")).body.decode()
    (path,) = re.findall(r'<script src="([^"]+)"', page)

    script = await browser.get(path, navigates=False)

    fields = dict(script.fields)
    assert script.status == 200
    assert fields["Content-Type"] == "text/javascript; charset=utf-8"
    assert fields["Cross-Origin-Resource-Policy"] == "same-origin"
    assert fields["Cache-Control"] == "public, max-age=3600"
    assert b"location.hash" in script.body
    assert browser.cookies == {}


async def test_the_choice_of_providers_passes_it_on(make_browser, add_provider):
    add_provider("one")
    add_provider("two")

    page = (await make_browser().get("/_gatepost/sign-in?return_to=/x&prompt=select_account")).body

    assert b"/_gatepost/login/one?return_to=/x&amp;prompt=select_account" in page
    other = (await make_browser().get("/_gatepost/sign-in?return_to=/x&prompt=none")).body
    assert b'/_gatepost/login/one?return_to=/x"' in other


async def test_the_callback_url_is_of_the_host_that_was_asked(make_browser, add_provider):
    add_provider()
    browser = make_browser(public_url="https://other.example.com:8443")

    asked = parse_qs(urlsplit(await begin(browser)).query)

    assert asked["redirect_uri"] == ["https://other.example.com:8443/_gatepost/callback/hostile"]


async def test_two_tabs_both_succeed(browser, hostile):
    first = await begin(browser, "/_gatepost/login/hostile?return_to=/first")
    second = await begin(browser, "/_gatepost/login/hostile?return_to=/second")

    assert location(await come_back(browser, hostile, first)) == "/first"
    assert location(await come_back(browser, hostile, second)) == "/second"
    assert await browser.whoami() is not None


async def test_of_six_sign_ins_under_way_the_oldest_is_dropped(browser, clock):
    for _ in range(6):
        await begin(browser)
        clock.ahead_s += 1

    assert len(browser.flow_cookies()) == 5


def state_of(at_provider):
    return parse_qs(urlsplit(at_provider).query)["state"][0]


async def test_eight_sign_ins_at_once_all_end_at_their_own_pages(browser, hostile, clock, sign_ins):
    begun = []
    for number in range(8):
        begun.append(await begin(browser, f"/_gatepost/login/hostile?return_to=/{number}%3Fq"))
        clock.ahead_s += 1

    # Its flow is gone, so it goes round once more; the provider still knows who it is.
    again = await come_back(browser, hostile, begun[0])
    assert location(again).startswith(f"{hostile.issuer}/authorize?")
    assert hostile.count("/token") == 0
    assert "." not in state_of(location(again))
    assert state_of(location(again)) not in begun[0]
    assert location(await come_back(browser, hostile, location(again))) == "/0?q"
    assert await browser.whoami() is not None
    for number, at_provider in enumerate(begun[1:], 1):
        clock.ahead_s += 10
        assert location(await come_back(browser, hostile, at_provider)) == f"/{number}?q"
    assert {outcome for _, outcome in sign_ins} == {"success"}


async def test_a_round_more_is_the_last(browser, hostile):
    first = await begin(browser)
    kept = await begin(browser)
    browser.cookies.pop(browser.flow_cookies()[0])
    again = location(await come_back(browser, hostile, first))
    for name in browser.flow_cookies():
        # The browser keeps the oldest, and none that come later.
        if sha256(state_of(kept).partition(".")[0].encode()).hexdigest()[:16] not in name:
            browser.cookies.pop(name)

    response = await come_back(browser, hostile, again)

    assert response.status == 400
    assert b"state-mismatch" in response.body
    assert hostile.count("/token") == 0


async def test_a_refusal_without_a_flow_is_not_asked_for_again(browser, hostile):
    first = await begin(browser)
    await begin(browser)
    browser.cookies.pop(browser.flow_cookies()[0])

    response = await come_back(browser, hostile, first, code=None, error="access_denied")

    assert response.status == 400


@pytest.mark.parametrize(
    ("chars", "is_noted"), [(1, True), (1000, True), (1001, False), (4000, False)]
)
async def test_a_state_is_never_too_long_for_a_provider(browser, hostile, chars, is_noted):
    page = "/" + "a" * (chars - 1)
    at_provider = await begin(browser, f"/_gatepost/login/hostile?return_to={page}")

    assert len(state_of(at_provider)) <= 2000
    assert ("." in state_of(at_provider)) == is_noted
    assert page not in at_provider or chars == 1
    assert location(await come_back(browser, hostile, at_provider)) == page


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda secret, note: f"{secret}.{note}", 302),
        (lambda secret, note: f".{note}", 302),
        (lambda secret, note: f"{secret}.{note[:-2]}{'AA' if note[-2:] != 'AA' else 'BB'}", 400),
        (lambda secret, note: f"{secret}.{note[:20]}", 400),
        (lambda secret, note: f"{secret}.{note}.{note}", 400),
        (lambda secret, note: f"{secret}{note}", 400),
        (lambda secret, note: f"{secret}.\u00fc", 400),
        (lambda secret, note: secret, 400),
    ],
)
async def test_only_a_note_of_our_own_begins_another_round(browser, hostile, change, status):
    first = await begin(browser)
    await begin(browser)
    browser.cookies.pop(browser.flow_cookies()[0])
    state = change(*state_of(first).split("."))

    response = await come_back(browser, hostile, first, state=state)

    assert response.status == status
    assert SESSION not in browser.cookies
    assert hostile.count("/token") == 0


LONG = (
    "/app/discover#/?_g=(filters:!(),time:(from:now-7d,to:now))&_a=(columns:!(message,host.name),"
)


@pytest.mark.parametrize("chars", [2049, 3000, 4000])
async def test_long_links_survive_and_no_cookie_is_too_large(browser, hostile, chars, caplog):
    page = (LONG + "".join(f"query:'field{n} : {n * 7919}'," for n in range(400)))[:chars]
    page = page.replace(" ", "%20")[:chars]

    response = await sign_in(
        browser, hostile, target=f"/_gatepost/login/hostile?return_to={quote(page)}"
    )

    assert location(response) == page
    assert all(len(value) <= 4096 for value in browser.set_cookies)
    assert "return_to" not in caplog.text


@pytest.mark.parametrize(
    "page",
    [
        "/" + "a" * 4000,
        "https://evil.example/",
        # Within the limit, and no compression helps.
        "/?" + "".join(Random(7).choices(ascii_letters + digits + "!$&'()*+,;=:@-._~", k=3990)),
    ],
    ids=["too long", "elsewhere", "too rich"],
)
async def test_a_way_back_that_is_dropped_is_in_the_log(browser, hostile, page, caplog):
    response = await sign_in(
        browser, hostile, target=f"/_gatepost/login/hostile?{urlencode({'return_to': page})}"
    )

    assert location(response) == "/"
    assert all(len(value) <= 4096 for value in browser.set_cookies)
    [record] = [it for it in caplog.records if "return_to" in it.getMessage()]
    assert record.getMessage().startswith(f"return_to of {len(page)} characters ")
    assert record.request_id == "r1"
    assert page not in caplog.text


@pytest.mark.parametrize("character", ["a", '"', "\\"])
async def test_whatever_a_step_up_asks_for_its_cookie_is_not_too_large(browser, character, caplog):
    acr_values = " ".join([character * 200] * 10)

    response = await browser.get(
        f"/_gatepost/login/hostile?{urlencode({'acr_values': acr_values, 'return_to': '/a'})}"
    )

    assert response.status == 302
    assert browser.set_cookies
    assert all(len(value) <= 4096 for value in browser.set_cookies)
    assert "return_to" not in caplog.text


async def test_a_flow_that_cannot_be_opened_is_cleared(browser, hostile):
    browser.cookies["__Host-gatepost-flow-0000"] = "AAAA"
    browser.cookies["__Host-gatepost-flow-0001"] = "%"

    await sign_in(browser, hostile)

    assert browser.flow_cookies() == []


async def test_a_flow_belongs_to_its_browser(browser, make_browser, hostile):
    at_provider = await begin(browser)
    stranger = make_browser()

    response = await come_back(stranger, hostile, at_provider)

    assert response.status == 400
    assert b"state-mismatch" in response.body
    assert SESSION not in stranger.cookies
    assert hostile.count("/token") == 0


async def test_the_session_the_browser_brought_is_replaced(browser, hostile):
    await sign_in(browser, hostile)
    before = browser.cookies[SESSION]
    await sign_in(browser, hostile)

    assert browser.cookies[SESSION] != before
    browser.cookies[SESSION] = before
    assert await browser.whoami() is None


async def test_a_planted_session_cookie_is_not_taken(browser, hostile):
    browser.cookies[SESSION] = "A" * 64

    await sign_in(browser, hostile)

    assert browser.cookies[SESSION] != "A" * 64


@pytest.mark.parametrize(
    ("wrongs", "reason", "status"),
    [
        (Wrongs(claims={"nonce": "x"}), "nonce-mismatch", 400),
        (Wrongs(claims={"aud": "x"}), "invalid-id-token", 502),
        (Wrongs(claims={"iss": "x"}), "issuer-mismatch", 400),
        (Wrongs(userinfo={"sub": "bob"}), "subject-mismatch", 400),
        (Wrongs(callback={"code": None, "error": "access_denied"}), "access-refused", 403),
        (Wrongs(callback={"code": None, "error": "x"}), "provider-error", 403),
        (Wrongs(token_answer=(400, {"error": "invalid_grant"})), "code-refused", 400),
        (Wrongs(token_answer=(401, {})), "client-refused", 502),
        (Wrongs(failures={"/token": "500"}), "provider-unavailable", 503),
        (Wrongs(failures={"/userinfo": "500"}), "provider-unavailable", 503),
        (Wrongs(userinfo_type="application/jwt"), "provider-unavailable", 503),
        (Wrongs(tokens={"id_token": "a" * 32769}), "provider-token-too-large", 502),
    ],
)
async def test_a_failed_sign_in_says_why_and_leaves_nothing(
    browser, hostile, sessions, sign_ins, wrongs, reason, status
):
    hostile.wrongs = wrongs

    response = await sign_in(browser, hostile)

    assert response.status == status
    assert reason in response.body.decode()
    assert "/_gatepost/sign-in?return_to=/a%3Fb%3Dc" in response.body.decode()
    assert browser.cookies == {}
    assert await sessions.count() == 0
    assert sign_ins == [("hostile", reason)]


async def test_while_the_provider_is_down_a_sign_in_is_503_and_old_sessions_go_on(
    browser, hostile, clock
):
    await sign_in(browser, hostile)
    await hostile.stop()
    clock.ahead_s = 3500

    assert await browser.whoami() is not None
    # What is known of the provider still serves to send the browser there.
    assert (await browser.get("/_gatepost/login/hostile")).status == 302


async def test_a_provider_that_never_answered_is_503(browser, hostile):
    await hostile.stop()

    response = await browser.get("/_gatepost/login/hostile")

    assert response.status == 503
    assert "Retry-After" in dict(response.fields)


@pytest.mark.parametrize("added", ["/", "/.well-known/openid-configuration", "/typo"])
async def test_a_wrong_issuer_in_the_file_is_told_on_the_page_and_in_the_log(
    make_browser, add_provider, hostile, caplog, added
):
    configured = hostile.issuer + added
    add_provider(issuer=configured)

    response = await make_browser().get("/_gatepost/login/hostile")

    page = response.body.decode()
    assert response.status == 502
    assert "issuer-misconfigured" in page
    assert "must set <code>issuer</code>" in page
    assert "Try again" not in page
    assert "Retry-After" not in dict(response.fields)
    assert "issuer: configured is " in caplog.text
    assert hostile.issuer in caplog.text


async def test_an_unknown_provider_is_404(browser):
    for path in ("login", "callback"):
        response = await browser.get(f"/_gatepost/{path}/other")
        assert response.status == 404
        assert b"unknown-provider" in response.body


async def test_a_callback_loaded_again_goes_to_its_page_when_signed_in(browser, hostile):
    at_provider = await begin(browser)
    target = f"{CALLBACK}?{urlencode(hostile.approve(at_provider))}"
    await browser.get(target)

    response = await browser.get(target)

    assert (response.status, location(response)) == (302, "/a?b=c")
    assert hostile.count("/token") == 1


@pytest.mark.parametrize("query", ["", "state=a&state=b&code=c", "state=%FF", "code=x", "state="])
async def test_a_callback_nobody_asked_for_is_refused(browser, query):
    await begin(browser)

    response = await browser.get(f"{CALLBACK}?{query}")

    assert response.status == 400
    assert b"state-mismatch" in response.body


async def test_looking_at_a_callback_uses_nothing_up(browser, hostile):
    answer = hostile.approve(await begin(browser))

    response = await browser.send("HEAD", f"{CALLBACK}?{urlencode(answer)}")

    assert response.status == 405
    assert dict(response.fields)["Allow"] == "GET, POST"
    assert hostile.count("/token") == 0


async def test_an_answer_by_form_post_is_brought_again_with_the_cookies(browser, hostile):
    answer = hostile.approve(await begin(browser))
    kept, browser.cookies = browser.cookies, {}

    form = urlencode({**answer, "session_state": "x"}).encode()
    posted = await browser.send("POST", CALLBACK, body=form, site="cross-site")

    assert posted.status == 303
    assert "session_state" not in location(posted)
    browser.cookies = kept
    response = await browser.get(local(location(posted)), site="cross-site")
    assert location(response) == "/a?b=c"
    assert await browser.whoami() is not None


@pytest.mark.parametrize("form", [b"state=a&state=b", b"\xff", b"a=1&" * 60])
async def test_a_form_that_cannot_be_read_one_way_is_refused(browser, form):
    response = await browser.send("POST", CALLBACK, body=form, site="cross-site")

    assert response.status == 400


async def test_three_sign_ins_within_seconds_stop_and_say_why(browser, hostile, clock, sign_ins):
    for _ in range(3):
        assert (await sign_in(browser, hostile)).status == 302
        browser.cookies.pop(SESSION)

    response = await browser.get("/_gatepost/sign-in?return_to=/a")

    assert response.status == 508
    assert b"Likely causes" in response.body
    assert sign_ins[-1] == ("hostile", "sign-in-loop")
    clock.ahead_s = 31
    assert (await sign_in(browser, hostile)).status == 302


async def test_with_a_strict_cookie_the_way_back_starts_at_our_own_page(
    make_browser, add_provider, hostile
):
    add_provider()
    browser = make_browser(same_site="strict")

    response = await sign_in(browser, hostile, target="/_gatepost/login/hostile?return_to=/a'b%22c")

    assert response.status == 200
    assert dict(response.fields)["Refresh"].startswith("0; url=/a'b")
    assert b'href="/a&#x27;b' in response.body
    session = next(v for v in browser.set_cookies if v.startswith(f"{SESSION}="))
    assert "SameSite=Strict" in session


async def test_each_site_with_the_app_in_a_frame_has_cookies_of_its_own(
    make_browser, add_provider, hostile
):
    add_provider()
    browser = make_browser(same_site="none", partitioned=True)

    assert (await sign_in(browser, hostile)).status == 302
    assert await browser.whoami() is not None
    await browser.post("/_gatepost/logout")

    # Those that are cleared too: browsers look for them in the same place.
    assert {value.partition("=")[2][:1] == ";" for value in browser.set_cookies} == {True, False}
    for value in browser.set_cookies:
        assert {"Secure", "SameSite=None", "Partitioned"} <= set(value.split("; "))
    assert browser.cookies == {}


async def test_nothing_of_a_sign_in_is_kept_in_the_gateway(browser, hostile, sessions):
    await begin(browser)

    assert await sessions.count() == 0
    sign_in = SignIn(browser.endpoints)
    assert set(vars(sign_in)) == {"_deps"}
    assert set(vars(Callback(browser.endpoints, sign_in))) == {"_deps", "_linking", "_sign_in"}


def with_a_byte_flipped(value):
    """`value` with each character another one, and each byte that it encodes."""
    raw = urlsafe_b64decode(value + "=" * (-len(value) % 4))
    for position in range(len(raw)):
        for bit in (1, 0x80):
            changed = bytes([*raw[:position], raw[position] ^ bit, *raw[position + 1 :]])
            yield urlsafe_b64encode(changed).rstrip(b"=").decode()
    for position in range(len(value)):
        for character in "AB_!=":
            if value[position] != character:
                yield value[:position] + character + value[position + 1 :]
        yield value[:position] + value[position + 1 :]
        yield value[:position]
        yield value[:position] + "!" + value[position:]
    yield value + "="


async def answers_to(browser, name, values, target):
    """Every answer that `target` gives where the cookie has one of `values`, each once."""
    found = set()
    for value in values:
        browser.cookies = {name: value}
        response = await browser.get(target)
        found.add((response.status, response.fields, response.body))
    return found


async def test_a_sealed_cookie_with_a_byte_flipped_has_one_answer(browser, hostile):
    # Envoy CVE-2026-47775: how a changed cookie failed told what was in it.
    answer = hostile.approve(location(await browser.get("/_gatepost/login/hostile")))
    ((flow, value),) = browser.cookies.items()
    target = f"/_gatepost/callback/hostile?{urlencode(answer)}"

    ((status, _, body),) = await answers_to(browser, flow, with_a_byte_flipped(value), target)

    assert status == 400
    assert b"state-mismatch" in body
    browser.cookies = {flow: value}
    assert (await browser.get(target)).status == 302


async def test_a_session_cookie_with_a_byte_flipped_has_one_answer(browser, hostile):
    answer = hostile.approve(location(await browser.get("/_gatepost/login/hostile")))
    await browser.get(f"/_gatepost/callback/hostile?{urlencode(answer)}")
    value = browser.cookies[SESSION]

    changed = list(with_a_byte_flipped(value))
    ((status, _, body),) = await answers_to(browser, SESSION, changed, "/_gatepost/whoami")

    assert status == 401
    assert value.encode() not in body
