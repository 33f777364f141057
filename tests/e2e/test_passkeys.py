"""Passkeys at running gateways: added, used, removed, and attacks on them."""

import json
import re
import threading

import pyotp
import pytest
import requests

from gateway.cli.opened import load_settings, with_kept
from gateway.credentials.local_accounts import NewPerson
from tests.e2e.browsing import FromAddress
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.accounts import command as accounts_command
from tests.fixtures.authenticator import UP, register, use
from tests.fixtures.gateway import gateways
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import wait_until

SIGN_IN, OPTIONS = "/_gatepost/sign-in/passkey", "/_gatepost/sign-in/passkey/options"
OWN, NEW = "/_gatepost/api/passkeys", "/_gatepost/api/passkeys/options"
SAME = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
CROSS = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}


# Wrong passkeys count against an address, and tests share a gateway.
_ADDRESSES = (f"127.0.{high}.{low}" for high in range(1, 9) for low in range(1, 255))


class Browser(requests.Session):
    """A browser at an address of its own, with an authenticator."""

    def __init__(self, gateway):
        super().__init__()
        self.mount("http://", FromAddress(next(_ADDRESSES)))
        self.trust_env = False
        self.url = gateway.base_url
        self.origin = self.url.replace("127.0.0.1", "localhost")
        self.host = {"Host": self.origin.removeprefix("http://")}

    def send_json(self, path, value=None, headers=SAME):
        return self.post(self.url + path, json=value, headers={**self.host, **headers})

    def drop(self, passkey_id, headers=SAME):
        return self.delete(f"{self.url}{OWN}/{passkey_id}", headers={**self.host, **headers})

    def form(self, path, **form):
        fields = {**self.host, **SAME, "Sec-Fetch-Mode": "navigate"}
        return self.post(self.url + path, data=form, headers=fields, allow_redirects=False)

    def page(self, path):
        fields = {**self.host, "Sec-Fetch-Mode": "navigate"}
        return self.get(self.url + path, headers=fields, allow_redirects=False)

    def type_password(self, user):
        self.user = user
        done = self.form("/_gatepost/sign-in", username=user, password=PASSWORD)
        assert done.status_code == 303, done.text

    def enrol(self, **how):
        """A new passkey of whoever is signed in."""
        key, credential = register(self.send_json(NEW).json(), self.origin, **how)
        made = self.send_json(OWN, {"credential": credential})
        assert made.status_code == 201, made.text
        return key, made.json()

    def asked(self):
        return self.send_json(OPTIONS).json()

    def sign_in(self, key, return_to="/", **how):
        credential = use(key, self.asked(), how.pop("origin", self.origin), **how)
        return self.send_json(SIGN_IN, {"credential": credential, "return_to": return_to})

    def passkeys(self):
        return self.get(self.url + OWN, headers=self.host).json()

    def whoami(self):
        answer = self.get(f"{self.url}/_gatepost/whoami", headers=self.host)
        return answer.json() if answer.status_code == 200 else None


def command(gateway, *arguments):
    done = accounts_command(gateway, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def add(gateway, *users):
    """Add accounts, faster than one command for each."""

    async def run(kept):
        _, hashed = await kept.local.accounts.ready(NewPerson(users[0]), PASSWORD)
        for user in users:
            await kept.local.accounts.add(NewPerson(user), hashed)

    # With several workers, the store may come after the listeners.
    wait_until(lambda: "setup token" in gateway.log(), gateway.process, "the store")
    with_kept(load_settings(gateway.config_path), run)


def settings_at(port, **more):
    """Of a gateway that browsers reach as localhost."""
    return {
        "auth_mode": "standalone",
        "upstreams": {"app": "http://127.0.0.1:9"},
        "server": {"listen": f"127.0.0.1:{port}", **more.pop("server", {})},
        "public_url": f"http://localhost:{port}",
        **more,
    }


@pytest.fixture
def start(gateway_process):
    """Start a gateway with settings of its own, and the account of ann."""

    def begin(**settings):
        gateway = gateway_process(settings_at(take_free_port(), **settings))
        add(gateway, "ann")
        return gateway

    return begin


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway that tests share, each with people of its own."""
    with gateways(tmp_path_factory.mktemp("passkeys")) as begin:
        gateway = begin(settings_at(take_free_port()))
        add(gateway, *(f"p{number}" for number in range(60)))
        yield gateway


@pytest.fixture(scope="module")
def names():
    """Names of people that no test has used."""
    return (f"p{number}" for number in range(60))


@pytest.fixture
def ann(gateway, names):
    """Somebody who is signed in."""
    return signed_in(gateway, next(names))


@pytest.fixture
def bob(gateway, names):
    """Somebody else."""
    return signed_in(gateway, next(names))


def signed_in(gateway, user="ann"):
    browser = Browser(gateway)
    browser.type_password(user)
    return browser


def test_a_passkey_alone_signs_in_with_a_session_of_its_own(gateway, ann):
    key, made = ann.enrol()
    assert made == {**made, "host": "localhost", "synced": False, "last_used_at": None}
    assert ann.passkeys() == [made]

    browser = Browser(gateway)
    asked = browser.asked()
    assert asked.keys() == {"challenge", "rpId", "userVerification", "timeout"}
    assert (asked["rpId"], asked["userVerification"]) == ("localhost", "required")
    done = browser.sign_in(key, return_to="/deep?x=1#there")

    assert (done.status_code, done.json()) == (200, {"return_to": "/deep?x=1#there"})
    assert browser.whoami()["user"] == ann.user
    first = browser.cookies["gatepost"]
    assert browser.sign_in(key).status_code == 200
    assert browser.cookies["gatepost"] != first
    assert not [it for it in browser.cookies if it.name.startswith("gatepost-passkey-")][1:]
    old = requests.get(
        f"{gateway.base_url}/_gatepost/whoami",
        headers={**browser.host, "Cookie": f"gatepost={first}"},
    )
    assert old.status_code == 401
    assert Browser(gateway).sign_in(key, return_to="//evil.test").json() == {"return_to": "/"}
    assert ann.passkeys()[0]["last_used_at"] is not None


def test_what_was_proven_satisfies_rules(start):
    gateway = start(
        routes=[
            {"name": "strict", "prefix": "/strict", "access": {"allow": [{"amr": "mfa"}]}},
            {"name": "rest", "prefix": "/", "access": "signed_in"},
        ]
    )
    browser = signed_in(gateway)
    key, _ = browser.enrol()
    assert "/_gatepost/login/local" in browser.page("/strict").headers["Location"]
    assert browser.sign_in(key).status_code == 200
    # The app is down: the rule let the request through.
    assert browser.page("/strict").status_code == 502


def test_a_passkey_takes_the_place_of_a_code_after_the_password(start):
    gateway = start(
        routes=[
            *(
                {"name": amr, "prefix": f"/{amr}", "access": {"allow": [{"amr": amr}]}}
                for amr in ("pwd", "hwk", "otp")
            ),
            {"name": "rest", "prefix": "/", "access": "signed_in"},
        ]
    )
    add(gateway, "bob")
    bob = signed_in(gateway, "bob")
    others, _ = bob.enrol()
    ann = signed_in(gateway)
    key, _ = ann.enrol()
    turn_on_second_factor(gateway, "ann")
    page = ann.form("/_gatepost/sign-in", username="ann", password=PASSWORD)
    assert "Use a passkey instead" in page.text
    step = re.search(r'name="step" value="([^"]+)"', page.text)[1]

    def enter(browser, key, step):
        credential = use(key, browser.asked(), browser.origin)
        return browser.send_json(SIGN_IN, {"credential": credential, "step": step})

    assert enter(ann, others, step).json()["reason"] == "wrong-passkey"
    assert enter(Browser(gateway), key, step).json()["reason"] == "second-factor-expired"
    assert enter(ann, key, "x").json()["reason"] == "second-factor-expired"
    assert enter(ann, key, step).status_code == 200
    assert not [it.name for it in ann.cookies if it.name == "gatepost-code"]
    statuses = {it: ann.page(f"/{it}").status_code for it in ("pwd", "hwk", "otp")}
    # The app is down: a rule that is met lets the request through.
    assert statuses == {"pwd": 502, "hwk": 502, "otp": 302}
    told = "Sign in with a passkey.</p>"
    assert told not in ann.page(ann.page("/otp").headers["Location"]).text

    alone = Browser(gateway)
    assert alone.sign_in(key).status_code == 200
    assert alone.page("/pwd").status_code == 302

    # Whoever has one is told to use it.
    other = Browser(gateway)
    other.type_password("bob")
    assert told in other.page(other.page("/hwk").headers["Location"]).text


def turn_on_second_factor(gateway, user):
    async def run(kept):
        secret = pyotp.random_base32()
        account_id, _ = await kept.accounts.named(user)
        code = pyotp.TOTP(secret).now()
        await kept.local.factors.turn_on(account_id, secret, code, kept.accounts.clock())

    with_kept(load_settings(gateway.config_path), run)


def test_a_second_account_has_passkeys_of_its_own(gateway, ann, bob):
    key, _ = ann.enrol()
    other, made = bob.enrol()

    assert Browser(gateway).sign_in(other).status_code == 200
    assert ann.drop(made["id"]).status_code == 404
    browser = Browser(gateway)
    for handle in (other.user_handle, b"nobody", b"\xff"):
        answer = browser.sign_in(key, user_handle=handle)
        assert (answer.status_code, answer.json()["reason"]) == (401, "wrong-passkey")
    assert browser.whoami() is None
    taken = register(bob.send_json(NEW).json(), bob.origin, credential_id=key.credential_id)[1]
    assert bob.send_json(OWN, {"credential": taken}).json()["reason"] == "passkey-refused"


def test_a_response_is_good_once(start):
    gateway = start(server={"workers": 2})
    key, _ = signed_in(gateway).enrol()
    browser = Browser(gateway)
    credential = use(key, browser.asked(), browser.origin)
    jar = dict(browser.cookies)
    gate, statuses = threading.Barrier(6), []

    def replay():
        thief = Browser(gateway)
        thief.cookies.update(jar)
        gate.wait()
        answer = thief.send_json(SIGN_IN, {"credential": credential})
        statuses.append((answer.status_code, answer.json().get("reason")))

    threads = [threading.Thread(target=replay) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses, key=str) == [(200, None), *[(400, "passkey-expired")] * 5]


def test_a_response_is_good_in_its_own_browser_only(gateway, ann):
    key, _ = ann.enrol()
    browser, other = Browser(gateway), Browser(gateway)
    credential = use(key, browser.asked(), browser.origin)
    other.asked()
    answer = other.send_json(SIGN_IN, {"credential": credential})
    assert (answer.status_code, answer.json()["reason"]) == (400, "passkey-expired")
    assert other.whoami() is None

    # A challenge for one thing is none for the other, even for the same person.
    mixed = use(key, ann.send_json(NEW).json(), ann.origin)
    assert ann.send_json(SIGN_IN, {"credential": mixed}).json()["reason"] == "passkey-expired"
    asked = {**ann.send_json(NEW).json(), **ann.asked()}
    new = register(asked, ann.origin)[1]
    assert ann.send_json(OWN, {"credential": new}).json()["reason"] == "passkey-expired"


def test_a_new_passkey_is_of_the_session_that_asked(ann, bob):
    credential = register(ann.send_json(NEW).json(), ann.origin)[1]
    kept = [f"{it.name}={it.value}" for it in ann.cookies if it.name != "gatepost"]
    cookie = "; ".join([f"gatepost={bob.cookies['gatepost']}", *kept])
    answer = bob.send_json(OWN, {"credential": credential}, {**SAME, "Cookie": cookie})
    assert answer.json()["reason"] == "passkey-expired"
    assert bob.passkeys() == []
    assert ann.send_json(OWN, {"credential": credential}).status_code == 201


@pytest.mark.parametrize(
    "how",
    [
        {"origin": "https://evil.test"},
        {"origin": "http://localhost"},
        {"rp_id": "evil.test"},
        {"flags": UP},
        {"kind": "webauthn.create"},
        {"crossOrigin": True},
    ],
    ids=str,
)
def test_what_does_not_sign_in_looks_the_same(gateway, ann, how):
    key, _ = ann.enrol()
    browser = Browser(gateway)
    answers = [browser.sign_in(key, **how)]
    stranger, _ = register({**ann.send_json(NEW).json()}, ann.origin)
    answers.append(browser.sign_in(stranger))
    [first, second] = [{**it.json(), "request_id": None} for it in answers]
    assert first == second
    assert first["reason"] == "wrong-passkey"
    assert [it.status_code for it in answers] == [401, 401]
    assert browser.whoami() is None
    assert "passkey sign-in: wrong-passkey" in gateway.log()


def test_a_counter_that_goes_back_is_refused_and_logged(gateway, ann):
    key, made = ann.enrol()
    browser = Browser(gateway)
    assert browser.sign_in(key, count=7).status_code == 200
    assert browser.sign_in(key, count=7).json()["reason"] == "wrong-passkey"
    assert f"passkey {made['id']}: its counter went from 7 to 7" in gateway.log()
    assert browser.sign_in(key, count=8).status_code == 200


def test_a_disabled_account_and_a_removed_passkey_do_not_sign_in(gateway, ann):
    key, _ = ann.enrol()
    command(gateway, "disable", ann.user)
    browser = Browser(gateway)
    refused = browser.sign_in(key)
    assert (refused.status_code, refused.json()["reason"]) == (403, "account-disabled")
    command(gateway, "enable", ann.user)
    assert browser.sign_in(key).status_code == 200
    shown = json.loads(command(gateway, "show", ann.user, "--json"))
    assert shown["passkeys"] == 1

    command(gateway, "remove-passkeys", ann.user)
    assert json.loads(command(gateway, "show", ann.user, "--json"))["passkeys"] == 0
    assert Browser(gateway).sign_in(key).json()["reason"] == "wrong-passkey"
    Browser(gateway).type_password(ann.user)


def test_pages_of_other_sites_change_nothing(gateway, ann):
    key, made = ann.enrol()
    credential = use(key, ann.asked(), ann.origin)
    new = register(ann.send_json(NEW).json(), ann.origin)[1]
    for headers in (CROSS, {"Sec-Fetch-Site": "same-site"}, {}):
        for path, value in (
            (OPTIONS, None),
            (SIGN_IN, {"credential": credential}),
            (NEW, None),
            (OWN, {"credential": new}),
        ):
            answer = ann.send_json(path, value, headers)
            assert (answer.status_code, "Set-Cookie" in answer.headers) == (403, False)
        assert ann.drop(made["id"], headers).status_code == 403
    assert ann.passkeys() == [made]


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        (SIGN_IN, None, 400),
        (SIGN_IN, [], 400),
        (SIGN_IN, {}, 400),
        (SIGN_IN, {"credential": "x"}, 400),
        (SIGN_IN, {"credential": {}, "more": 1}, 400),
        (SIGN_IN, {"credential": {}}, 400),
        (OWN, {"credential": {}}, 400),
        (OWN, {"credential": {}, "name": "x" * 101}, 400),
        (OWN, {"credential": {}, "name": "a\nb"}, 400),
        (OWN, {"credential": {}, "name": 5}, 400),
        (f"{OPTIONS}?x=1", None, 400),
        (OPTIONS, {}, 400),
        (f"{NEW}?x=1", None, 400),
    ],
)
def test_calls_are_read_strictly(ann, path, value, status):
    answer = ann.send_json(path, value)
    assert answer.status_code == status
    form = ann.form(path.partition("?")[0], credential="x")
    assert form.status_code in (400, 415)


def test_nobody_without_a_session_sees_or_changes_passkeys(gateway, ann):
    _, made = ann.enrol()
    browser = Browser(gateway)
    assert browser.passkeys()["reason"] == "sign-in-required"
    assert browser.send_json(NEW).status_code == 401
    assert browser.send_json(OWN, {"credential": {}}).status_code == 401
    assert browser.drop(made["id"]).status_code == 401


def test_removing_a_passkey_ends_the_other_sessions(gateway, ann):
    key, made = ann.enrol()
    other = Browser(gateway)
    other.sign_in(key)
    assert other.whoami() is not None
    page = ann.page("/_gatepost/account").text
    assert f'name="remove_passkey" value="{made["id"]}"' in page

    assert ann.form("/_gatepost/account", remove_passkey=made["id"]).status_code == 303

    assert ann.passkeys() == []
    assert ann.whoami() is not None
    assert other.whoami() is None
    assert Browser(gateway).sign_in(key).status_code == 401
    assert ann.form("/_gatepost/account", remove_passkey=made["id"]).status_code == 303
    log = gateway.log()
    assert f"has a new passkey {made['id']}" in log
    assert f"lost passkey {made['id']}" in log


def test_wrong_passkeys_are_throttled_by_address(gateway, ann):
    key, _ = ann.enrol()
    browser = Browser(gateway)
    # One more is allowed every three seconds, however slow this machine is.
    statuses = [browser.sign_in(key, flags=UP).status_code for _ in range(20)]
    while statuses[-1] != 429 and len(statuses) < 200:
        statuses.append(browser.sign_in(key, flags=UP).status_code)
    assert set(statuses[:20]) == {401}
    assert statuses[-1] == 429
    assert Browser(gateway).sign_in(key).status_code == 200


def test_a_browser_keeps_five_challenges(gateway, ann):
    key, _ = ann.enrol()
    browser = Browser(gateway)
    asked = [browser.asked() for _ in range(7)]
    assert len([it for it in browser.cookies if it.name.startswith("gatepost-passkey-")]) == 5
    first, last = [use(key, it, browser.origin) for it in (asked[0], asked[-1])]
    assert browser.send_json(SIGN_IN, {"credential": first}).status_code == 400
    assert browser.send_json(SIGN_IN, {"credential": last}).status_code == 200


def test_a_new_password_leaves_passkeys(gateway, ann):
    key, _ = ann.enrol()
    link = command(gateway, "reset-password", ann.user).strip()
    token = link.rpartition("=")[2]
    done = Browser(gateway).form(
        "/_gatepost/reset", token=token, password="velvet trombone glacier"
    )
    assert done.status_code == 303
    assert Browser(gateway).sign_in(key).status_code == 200


def test_with_providers_only_there_are_no_passkeys(gateway_process, demo_provider):
    provider = demo_provider({"client_id": "notes", "redirect_uris": ["http://a/"]})
    gateway = gateway_process(
        {
            "upstreams": {"app": "http://127.0.0.1:9"},
            "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
        }
    )
    for path in (OPTIONS, SIGN_IN, NEW, OWN, f"{OWN}/x", "/_gatepost/passkeys.js"):
        for method in ("GET", "POST", "DELETE"):
            answer = requests.request(method, gateway.base_url + path, headers=SAME)
            assert (path, answer.status_code) == (path, 404)
