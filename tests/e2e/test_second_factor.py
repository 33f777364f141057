"""The second factor at running gateways, with an authenticator app, and attacks on it."""

import asyncio
import html
import json
import re
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pyotp
import pytest

from gateway.assembly.worker import Gateway
from gateway.credentials.local_proofs import MULTI_FACTOR
from gateway.settings.load import load
from tests.e2e.browsing import CROSS, PAGE, SAME, Browser
from tests.fixtures.accounts import OTHER, PASSWORD, add
from tests.fixtures.accounts import command as accounts_command
from tests.fixtures.clock import Clock
from tests.fixtures.gateway import dump, with_defaults
from tests.fixtures.network import take_free_port
from tests.patience import until

ACCOUNT = "/_gatepost/account"
CODE = "/_gatepost/sign-in/code"
ROUTES = [
    {"name": "mfa", "prefix": "/mfa", "access": {"allow": [{"amr": "mfa"}]}},
    {"name": "otp", "prefix": "/otp", "access": {"allow": [{"amr": "otp"}]}},
    {"name": "acr", "prefix": "/acr", "access": {"allow": [{"acr": MULTI_FACTOR}]}},
    {"name": "hwk", "prefix": "/hwk", "access": {"allow": [{"amr": "hwk"}]}},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]


class Machine:
    """One gateway: what the commands and browsers of these tests need of it."""

    def __init__(self, gateway, base_url, config_path):
        self.gateway = gateway
        self.base_url = base_url
        self.config_path = config_path


class Person(Browser):
    """Somebody with a password, and with an app once it was set up."""

    def __init__(self, machine, clock, address=""):
        super().__init__(machine, address)
        self.clock = clock
        self.secret = ""
        self.recovery = []

    def app_code(self, steps=0):
        return pyotp.TOTP(self.secret).at(int(self.clock()) + 30 * steps)

    def wrong(self):
        right = {self.app_code(steps) for steps in (-1, 0, 1)}
        return next(it for it in ("000000", "111111", "222222", "333333") if it not in right)

    def step(self, password=PASSWORD, **form):
        """The page after a right password; its step."""
        answer = self.sign_in(password=password, **form)
        assert answer.status_code == 200, answer.text
        assert "Enter a code" in answer.text
        return hidden(answer, "step")

    def enter(self, step, code, headers=SAME, **form):
        return self.form(CODE, headers, step=step, code=code, **form)

    def change(self, how, **form):
        return self.form(ACCOUNT, second_factor=how, **form)

    def set_up(self):
        """Turn the second factor on, as the account page says."""
        page = self.change("set-up")
        assert page.status_code == 200, page.text
        self.secret = re.search(r'id="totp_secret">([A-Z2-7 ]+)<', page.text)[1].replace(" ", "")
        done = self.change("turn-on", setup=hidden(page, "setup"), code=self.app_code(-1))
        assert done.status_code == 200, done.text
        self.recovery = codes_in(done)
        return page, done


def hidden(answer, name):
    return html.unescape(re.search(f'name="{name}" value="([^"]+)"', answer.text)[1])


def codes_in(answer):
    shown = re.search(r"<pre><code>([0-9\n-]+)</code>", answer.text)
    return shown[1].split() if shown else []


def command(machine, *arguments, **how):
    done = accounts_command(machine, *arguments, **how)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def clock():
    """Stands still from now on, so that no code gets old while a machine is busy."""
    return Clock(datetime.now(UTC).timestamp())


@pytest.fixture
def start(clock, echo_app, tmp_path):
    """Runs gateways with one store and one clock to turn, in the event loop of a thread."""
    loop, running = asyncio.new_event_loop(), []
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    async def begin(settings):
        gateway = Gateway(settings, clock=clock)
        await gateway.start()
        running.append(gateway)
        return gateway

    def start_one(**settings):
        port = take_free_port()
        path = tmp_path / f"{port}.yaml"
        whole = {
            "auth_mode": "standalone",
            "server": {"listen": f"127.0.0.1:{port}"},
            "data_dir": str(tmp_path / "kept"),
            "upstreams": {"app": echo_app},
            "routes": ROUTES,
            **settings,
        }
        path.write_text(dump(with_defaults(whole, tmp_path)))
        return Machine(run(begin(load(path, {}).settings)), f"http://127.0.0.1:{port}", path)

    yield start_one
    for gateway in running:
        run(gateway.stop())
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def machine(start):
    """A gateway with the account of ann."""
    machine = start()
    add(machine)
    return machine


@pytest.fixture
def ann(machine, clock):
    """Ann, whose second factor is on, at the browser that turned it on."""
    person = Person(machine, clock)
    assert person.sign_in().status_code == 303
    person.set_up()
    return person


def another(person, machine=None, address=""):
    """Another browser, of somebody who has what the person has."""
    other = Person(machine or Machine(None, person.url, None), person.clock, address)
    other.secret, other.recovery = person.secret, person.recovery
    return other


def test_a_code_follows_the_password_and_leads_where_the_user_wanted(ann):
    browser = another(ann)
    answer = browser.sign_in(return_to="/deep?x=1#there")

    assert answer.status_code == 200
    assert browser.whoami() is None
    assert "gatepost" not in browser.cookies
    assert (hidden(answer, "return_to"), "inputmode" in answer.text) == ("/deep?x=1#there", True)
    assert answer.headers["Cache-Control"] == "no-store"
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=300"} <= set(cookie.split("; "))

    done = browser.enter(hidden(answer, "step"), browser.app_code(), return_to="/deep?x=1#there")
    assert (done.status_code, done.headers["Location"]) == (303, "/deep?x=1#there")
    assert browser.whoami()["user"] == "ann"
    assert [it for it in browser.cookies.get_dict() if it.endswith("-code")] == []
    for path in ("/mfa", "/otp", "/acr"):
        assert browser.page(path).status_code == 200
    assert browser.page("/hwk").status_code == 302


def test_a_recovery_code_signs_in_once_and_is_no_app(ann):
    browser = another(ann)
    assert browser.enter(browser.step(), ann.recovery[0].replace("-", "")).status_code == 303
    assert [browser.page(it).status_code for it in ("/mfa", "/acr", "/otp")] == [200, 200, 302]
    again = another(ann)
    assert again.enter(again.step(), ann.recovery[0]).status_code == 401
    assert "Recovery codes left: 9." in browser.page(ACCOUNT).text


def test_a_code_is_used_up_on_every_machine(ann, start):
    other = start()
    here, there = another(ann), another(ann, other)
    code = ann.app_code()
    assert here.enter(here.step(), code).status_code == 303

    step = there.step()
    replayed = there.enter(step, code)
    assert (replayed.status_code, "wrong or was used before" in replayed.text) == (401, True)
    assert there.whoami() is None
    assert there.enter(step, ann.app_code(1)).status_code == 303


def test_of_many_browsers_at_two_machines_one_gets_in_with_a_code(ann, start):
    other = start()
    browsers = [another(ann, machine) for machine in (None, other) for _ in range(4)]
    steps = [it.step() for it in browsers]
    gate, statuses = threading.Barrier(len(browsers)), []

    def race(browser, step):
        gate.wait()
        statuses.append(browser.enter(step, ann.app_code()).status_code)

    threads = [
        threading.Thread(target=race, args=pair) for pair in zip(browsers, steps, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses) == [303] + [401] * 7
    assert sum(it.whoami() is not None for it in browsers) == 1


def test_a_step_is_of_one_browser_and_over_with_a_right_code(ann):
    victim, thief = another(ann), another(ann)
    step = victim.step()
    cookies = dict(victim.cookies)

    # The page without the cookie, the cookie without the page, and the step of another sign-in.
    assert thief.enter(step, ann.app_code()).status_code == 401
    own = thief.step()
    thief.cookies.clear()
    thief.cookies.update(cookies)
    assert thief.enter(own, ann.app_code()).status_code == 401
    for made_up in ("", "x", step[:-1], cookies["gatepost-code"]):
        assert thief.enter(made_up, ann.app_code()).status_code == 401
    # The cookie opens nothing, and no session.
    thief.cookies.set("gatepost", step)
    assert thief.whoami() is None

    assert victim.enter(step, ann.app_code()).status_code == 303
    thief.cookies.clear()
    thief.cookies.update(cookies)
    over = thief.enter(step, ann.app_code(1))
    assert (over.status_code, "Enter your password again" in over.text) == (401, True)
    assert thief.whoami() is None


def test_a_step_takes_five_minutes_at_most(ann, clock):
    browser = another(ann)
    step = browser.step()
    clock.ahead_s += 299
    assert browser.enter(step, browser.wrong()).status_code == 401
    clock.ahead_s += 2
    over = browser.enter(step, browser.app_code())
    assert (over.status_code, "Enter your password again" in over.text) == (401, True)


def test_a_form_of_another_site_or_with_more_in_it_enters_nothing(ann):
    browser = another(ann)
    step, code = browser.step(), browser.app_code()
    for headers in (CROSS, PAGE, {**PAGE, "Sec-Fetch-Site": "same-site"}):
        answer = browser.enter(step, code, headers)
        assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
    assert browser.form(CODE, step=step).status_code == 400
    assert browser.form(f"{CODE}?x=1", step=step, code=code).status_code == 400
    assert browser.enter(step, code, username="ann").status_code == 400
    assert browser.page(CODE).headers["Location"] == "/_gatepost/sign-in"
    hostile = browser.enter(step, code, return_to="https://evil.test/")
    assert (hostile.status_code, hostile.headers["Location"]) == (303, "/")


def test_guesses_are_few_from_all_addresses_together(ann, clock):
    guessers = [another(ann, address=address) for address in ("", "127.0.0.2", "127.0.0.3")]
    statuses = []
    for number in range(15):
        guesser = guessers[number % 3]
        statuses.append(guesser.enter(guesser.step(), guesser.wrong()).status_code)
        clock.ahead_s += 1
    assert statuses == [401] * 10 + [429] * 5
    slowed = guessers[0].enter(guessers[0].step(), ann.app_code())
    assert (slowed.status_code, 0 < int(slowed.headers["Retry-After"]) <= 300) == (429, True)
    clock.ahead_s += 301
    assert guessers[0].enter(guessers[0].step(), ann.app_code()).status_code == 303


def test_five_wrong_codes_lead_back_to_the_password(ann, clock):
    browser = another(ann)
    step = browser.step(return_to="/deep")
    pages = [browser.enter(step, browser.wrong(), return_to="/deep").text for _ in range(5)]
    assert ["Enter your password again" in page for page in pages] == [False] * 4 + [True]
    assert 'name="return_to" value="/deep"' in pages[-1]
    assert browser.enter(step, browser.app_code()).status_code == 401
    clock.ahead_s += 1
    assert browser.enter(browser.step(), browser.app_code()).status_code == 303


def test_what_happens_in_between_ends_the_step(ann, machine):
    browser, stranger = another(ann), another(ann)
    step = browser.step()
    link = command(machine, "reset-password", "ann").strip()
    reset = stranger.form("/_gatepost/reset", token=link.rpartition("=")[2], password=OTHER)
    # Neither signed in, nor without its second factor.
    assert (reset.status_code, reset.headers["Location"]) == (303, "/_gatepost/sign-in")
    assert stranger.whoami() is None
    assert browser.enter(step, browser.app_code()).status_code == 401

    step = browser.step(OTHER)
    command(machine, "disable", "ann")
    refused = browser.enter(step, browser.app_code())
    assert (refused.status_code, "account-disabled" in refused.text) == (403, True)
    assert browser.sign_in(password=OTHER).status_code == 403
    command(machine, "enable", "ann")
    assert browser.enter(step, browser.app_code()).status_code == 303


def test_a_client_that_is_no_browser_is_told_what_is_missing(ann):
    client = another(ann)
    origin = {"Origin": client.url}
    form = {"username": "ann", "password": PASSWORD}
    first = client.post(f"{client.url}/_gatepost/sign-in", data=form, headers=origin)
    told = first.json()
    assert (first.status_code, told["reason"]) == (401, "second-factor-required")
    assert first.headers["Content-Type"] == "application/problem+json"
    assert "WWW-Authenticate" in first.headers

    def enter(step, code):
        form = {"step": step, "code": code}
        return client.post(client.url + CODE, data=form, headers=origin, allow_redirects=False)

    wrong = enter(told["step"], client.wrong())
    assert (wrong.status_code, wrong.json()["reason"]) == (401, "wrong-code")
    assert enter("x", client.wrong()).json()["reason"] == "second-factor-expired"
    assert enter(wrong.json()["step"], client.app_code()).status_code == 303
    assert client.whoami()["user"] == "ann"


def test_a_rule_that_asks_for_more_leads_to_it(machine, clock):
    ann = Person(machine, clock)
    ann.sign_in()
    for path in ("/mfa", "/otp", "/acr"):
        step_up = ann.page(path).headers["Location"]
        assert urlsplit(step_up).path == "/_gatepost/login/local"
        page = ann.page(step_up).text
        assert "your account has none" in page
        assert 'href="/_gatepost/account#second-factor"' in page
        assert f'value="{path}"' in page
    page = ann.page(ann.page("/hwk").headers["Location"]).text
    assert "needs a stronger sign-in, with a passkey" in page
    assert 'href="/_gatepost/account#passkeys"' in page
    script = ann.get(f"{ann.url}/mfa", headers={"Sec-Fetch-Mode": "cors"}, allow_redirects=False)
    assert (script.status_code, script.json()["reason"]) == (401, "amr-missing")
    assert "amr_values=mfa" in script.json()["sign_in"]

    ann.set_up()
    # Its session began with the password alone.
    page = ann.page(ann.page("/mfa").headers["Location"]).text
    assert "needs your second factor too" in page
    done = ann.enter(ann.step(return_to="/mfa"), ann.app_code(), return_to="/mfa")
    assert done.headers["Location"] == "/mfa"
    assert ann.page("/mfa").status_code == 200


def test_turning_it_on_shows_the_codes_once_and_ends_other_sessions(machine, clock):
    ann, elsewhere = Person(machine, clock), Person(machine, clock)
    ann.sign_in()
    elsewhere.sign_in()
    page, _ = ann.set_up()

    assert "<svg" in page.text
    assert f"secret={ann.secret}" in html.unescape(page.text)
    assert len(ann.recovery) == 10
    assert (ann.whoami() is not None, elsewhere.whoami()) == (True, None)
    later = ann.page(ACCOUNT).text
    assert (codes_in(ann.page(ACCOUNT)), ann.secret in later) == ([], False)
    assert "Recovery codes left: 10." in later
    shown = json.loads(command(machine, "show", "ann", "--json"))
    assert (shown["totp"], shown["recovery_codes"]) == (True, 10)
    assert ann.secret not in json.dumps(shown)


def test_a_set_up_is_of_one_session_and_confirmed_by_its_app(machine, clock):
    ann, elsewhere = Person(machine, clock), Person(machine, clock)
    ann.sign_in()
    elsewhere.sign_in()
    page = ann.change("set-up")
    setup = hidden(page, "setup")
    ann.secret = pyotp.parse_uri(
        html.unescape(re.search(r'href="(otpauth:[^"]+)"', page.text)[1])
    ).secret

    wrong = ann.change("turn-on", setup=setup, code=ann.wrong())
    assert (wrong.status_code, hidden(wrong, "setup")) == (400, setup)
    stolen = elsewhere.change("turn-on", setup=setup, code=ann.app_code())
    assert stolen.status_code == 400
    for form in ({"second_factor": "turn-on"}, {"second_factor": "no"}):
        assert ann.form(ACCOUNT, **form).status_code == 400
    assert ann.change("turn-off", setup=setup, code=ann.app_code()).status_code == 400
    cross = {"second_factor": "turn-on", "setup": setup, "code": ann.app_code()}
    assert ann.form(ACCOUNT, CROSS, **cross).status_code == 403
    clock.ahead_s += 601
    assert ann.change("turn-on", setup=setup, code=ann.app_code()).status_code == 400
    assert another(ann).sign_in().status_code == 303


def test_each_change_needs_a_sign_in_of_the_last_minutes(ann, clock):
    clock.ahead_s += 301
    for how in ("renew", "turn-off"):
        stale = ann.change(how)
        assert stale.status_code == 403
        anew = html.unescape(re.search(r'href="(/_gatepost/login/local[^"]+)"', stale.text)[1])
        assert "return_to=/_gatepost/account" in anew
        assert ann.page(anew).status_code == 200
    assert "Recovery codes left: 10." in ann.page(ACCOUNT).text

    elsewhere = another(ann)
    assert elsewhere.enter(elsewhere.step(), ann.app_code()).status_code == 303
    assert ann.enter(ann.step(), ann.recovery[0]).status_code == 303
    renewed = codes_in(ann.change("renew"))
    assert len(renewed) == 10
    assert not set(renewed) & set(ann.recovery)
    assert elsewhere.whoami() is None
    assert elsewhere.enter(elsewhere.step(), ann.recovery[1]).status_code == 401

    assert ann.change("turn-off").status_code == 303
    assert elsewhere.sign_in().status_code == 303
    clock.ahead_s += 301
    assert ann.change("set-up").status_code == 403


async def test_an_operator_removes_a_lost_one(ann, machine):
    told = command(machine, "reset-second-factor", "ann")
    assert re.search(r"^totp +False$", told, re.MULTILINE)
    await until(lambda: ann.whoami() is None)
    browser = another(ann)
    assert browser.sign_in().status_code == 303
    assert browser.page("/mfa").status_code == 302


def test_nothing_secret_is_logged(ann, caplog):
    browser = another(ann)
    step = browser.step()
    browser.enter(step, browser.wrong())
    code = browser.app_code()
    browser.enter(step, code)
    assert "wrong-code" in caplog.text
    for secret in (ann.secret, code, step, *ann.recovery):
        assert secret not in caplog.text


def test_with_providers_only_there_is_no_code_to_enter(start, demo_provider):
    provider = demo_provider({"client_id": "notes", "redirect_uris": ["http://a/"]})
    machine = start(
        auth_mode="oidc-only",
        providers={"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
    )
    browser = Browser(machine)
    assert browser.page(CODE).status_code == 404
    assert browser.form(CODE, step="x", code="1").status_code == 404
    refused = accounts_command(machine, "reset-second-factor", "ann")
    assert (refused.returncode, "has no local accounts" in refused.stderr) == (2, True)
