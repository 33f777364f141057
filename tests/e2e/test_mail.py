"""Links by mail at running gateways: a new password, an invitation, another address."""

import asyncio
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from gateway.assembly.worker import Gateway
from gateway.credentials.local_accounts import NewPerson
from gateway.settings.load import load
from tests.e2e.browsing import CROSS, Browser
from tests.fixtures.accounts import GATEPOST, OTHER, PASSWORD, add, command
from tests.fixtures.demo import sign_in_at_demo_provider
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import wait_until
from tests.fixtures.threaded import serving
from tests.patience import until

FORGOT, RESET = "/_gatepost/forgot", "/_gatepost/reset"
INVITATION, EMAIL, ACCOUNT = "/_gatepost/invitation", "/_gatepost/email", "/_gatepost/account"


@pytest.fixture
def mailbox(mail_server):
    return mail_server()


@pytest.fixture
def start(start_standalone, mailbox):
    """Start a gateway that sends mails: ``gateway = start(auth_mode="hybrid", …)``."""
    smtp = {"url": f"smtp://{mailbox.address}", "from": "Notes <notes@example.com>"}
    return lambda **settings: start_standalone(**{"smtp": smtp, **settings})


@pytest.fixture
def mails(mailbox):
    """Wait for mails to an address: ``[mail] = mails(gateway, "ann@a.test")``."""

    def wait(gateway, to, count=1):
        wait_until(lambda: len(mailbox.to(to)) >= count, gateway.process, f"{count} mails to {to}")
        return mailbox.to(to)

    return wait


def local(gateway, link):
    """The path of a mailed link, and its token."""
    assert link.startswith(gateway.base_url)
    return link.removeprefix(gateway.base_url), parse_qs(urlsplit(link).query)["token"][0]


def nothing_told(gateway, *secrets):
    """That neither the log nor the audit has any of the secrets, or a query string."""
    for secret in secrets:
        assert secret not in gateway.log()
    assert not any("?" in event.get("path", "") for event in gateway.audit())


def test_from_forgotten_to_a_new_password(start, mails):
    gateway = start()
    add(gateway, "ann", "--email", "Ann@a.test")
    signed_in, browser = Browser(gateway), Browser(gateway)
    signed_in.sign_in()
    assert f'href="{FORGOT}"' in browser.page("/_gatepost/sign-in").text
    assert "Send the link" in browser.page(FORGOT).text
    assert browser.form(FORGOT, CROSS, name="ann").status_code == 403
    assert browser.form(FORGOT, name="ann", more="x").status_code == 400

    for name in ("ANN", " ann@A.test "):
        assert browser.form(FORGOT, name=name).status_code == 200
    first, second = mails(gateway, "Ann@a.test", 2)
    assert first.message["Subject"] == "New password for 127.0.0.1"
    assert "the account ann at" in first.text
    path, token = local(gateway, first.link)
    page = browser.page(path)
    assert "Choose a new password" in page.text
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert page.headers["Cache-Control"] == "no-store"
    assert browser.form(RESET, token=token, password=OTHER).status_code == 303

    assert browser.page(local(gateway, second.link)[0]).status_code == 404
    assert signed_in.whoami() is None
    assert Browser(gateway).sign_in().status_code == 401
    assert Browser(gateway).sign_in(password=OTHER).status_code == 303
    nothing_told(gateway, token, "a.test")


def test_the_host_of_a_request_never_chooses_where_a_link_leads(start, mails):
    gateway = start()
    add(gateway, "ann", "--email", "ann@a.test")
    browser = Browser(gateway)
    asked = {"X-Forwarded-Host": "evil.test", "Forwarded": "host=evil.test"}
    for host in ("evil.test", None):
        headers = {"Sec-Fetch-Site": "same-origin", **asked, **({"Host": host} if host else {})}
        status = browser.form(FORGOT, headers, name="ann").status_code
        assert status == (421 if host else 200)
    [mail] = mails(gateway, "ann@a.test")
    assert mail.link.startswith(gateway.base_url)


def test_a_thousand_names_tell_nothing_and_flood_nobody(start, mailbox, mails):
    gateway = start(server={"trusted_proxies": ["127.0.0.1"]})
    add(gateway, "ann", "--email", "ann@a.test")
    add(gateway, "mailless")
    add(gateway, "gone", "--email", "gone@a.test")
    assert command(gateway, "disable", "gone").returncode == 0
    browser, answers = Browser(gateway), set()
    real = ("ann", "ann@a.test", "mailless", "gone", "gone@a.test")

    for number in range(1000):
        name = real[number % 5] if number % 10 == 0 else f"nobody-{number}@a.test"
        headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": f"10.0.{number % 250}.1"}
        answer = browser.form(FORGOT, headers, name=name)
        fields = frozenset(
            it for it in answer.headers.items() if it[0] not in ("Date", "X-Request-Id")
        )
        answers.add((answer.status_code, answer.text, fields))
    assert len(answers) == 1

    # Whoever asks last is served last: by then all others were.
    add(gateway, "zoe", "--email", "zoe@a.test")
    last = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": "10.9.9.9"}
    browser.form(FORGOT, last, name="zoe")
    mails(gateway, "zoe@a.test")
    assert len(mailbox.to("ann@a.test")) == 3
    assert {to for mail in mailbox.received for to in mail.to} == {"ann@a.test", "zoe@a.test"}


def test_one_address_asks_ten_times_and_then_waits(start, mailbox):
    browser = Browser(start())
    statuses = [browser.form(FORGOT, name=f"nobody-{n}").status_code for n in range(12)]
    assert statuses[:10] == [200] * 10
    assert statuses[-1] == 429
    assert mailbox.received == []


def test_three_mails_an_hour_are_counted_for_all_workers(start, mailbox, mails):
    gateway = start(server={"workers": 2, "trusted_proxies": ["127.0.0.1"]})
    add(gateway, "ann", "--email", "ann@a.test")
    add(gateway, "zoe", "--email", "zoe@a.test")
    for number in range(20):
        headers = {"Sec-Fetch-Site": "same-origin", "X-Forwarded-For": f"10.0.0.{number}"}
        with Browser(gateway) as browser:
            assert browser.form(FORGOT, headers, name="ann").status_code == 200
    mails(gateway, "ann@a.test", 3)
    command(gateway, "reset-password", "zoe")
    mails(gateway, "zoe@a.test")
    assert len(mailbox.to("ann@a.test")) == 3


def test_accounts_with_one_address_get_a_link_each(start, mails):
    gateway = start()
    add(gateway, "ann", "--email", "both@a.test")
    add(gateway, "bob", "--email", "both@a.test")
    Browser(gateway).form(FORGOT, name="both@a.test")
    both = mails(gateway, "both@a.test", 2)
    assert sorted(mail.text.split("account ")[1].split()[0] for mail in both) == ["ann", "bob"]
    _, token = local(gateway, next(mail.link for mail in both if "account bob" in mail.text))
    assert Browser(gateway).form(RESET, token=token, password=OTHER).status_code == 303
    assert Browser(gateway).sign_in("ann").status_code == 303
    assert Browser(gateway).sign_in("bob", OTHER).status_code == 303


def test_a_mail_server_that_is_down_is_told_in_the_log_only(start, mailbox):
    gateway = start()
    add(gateway, "ann", "--email", "ann@a.test")
    mailbox.stop()
    assert Browser(gateway).form(FORGOT, name="ann").status_code == 200
    wait_until(lambda: "mail-not-sent" in gateway.log(), gateway.process, "the failure in the log")
    assert "Connection refused" in gateway.log() or "SMTPConnectError" in gateway.log()
    nothing_told(gateway, "a.test", "token=")
    failed = command(gateway, "reset-password", "ann")
    assert failed.returncode == 1
    assert failed.stdout.startswith(f"{gateway.base_url}{RESET}?token=")
    assert "the mail was not sent" in failed.stderr


def test_the_command_mails_the_link_and_says_so(start, mailbox, mails):
    gateway = start()
    add(gateway, "ann", "--email", "ann@a.test")
    add(gateway, "bob")
    sent = command(gateway, "reset-password", "ann")
    assert "# sent to ann@a.test" in sent.stderr
    [mail] = mails(gateway, "ann@a.test")
    assert mail.link == sent.stdout.strip()
    for arguments in (("ann", "--print"), ("bob",)):
        printed = command(gateway, "reset-password", *arguments)
        assert (printed.returncode, printed.stderr) == (0, "")
        assert printed.stdout.startswith(gateway.base_url)
    assert len(mailbox.received) == 1


def invite(gateway, email="ann.lee@a.test", *more):
    done = command(gateway, "invite", "--email", email, "--json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_invitation_makes_an_account_once(start, mails):
    gateway = start(accounts={"provision": "invited"})
    made = invite(gateway, "ann.lee@a.test", "--role", "editor", "--group", "staff")
    [mail] = mails(gateway, "ann.lee@a.test")
    assert mail.link == made["link"]
    path, token = local(gateway, mail.link)
    browser = Browser(gateway)
    for _ in range(2):
        page = browser.page(path).text
        assert 'value="ann.lee"' in page
        assert "ann.lee@a.test" in page
    form = {"token": token, "username": "ann", "password": PASSWORD}
    assert browser.form(INVITATION, CROSS, **form).status_code == 403
    assert browser.form(INVITATION, **{**form, "password": "short"}).status_code == 400
    assert browser.form(INVITATION, **{**form, "username": "a b"}).status_code == 400
    assert browser.form(INVITATION, **form, more="x").status_code == 400

    done = browser.form(INVITATION, **form)
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    who = browser.whoami()
    assert (who["user"], who["email"], who["provider"]) == ("ann", "ann.lee@a.test", "local")
    assert (who["roles"], who["groups"]) == (["editor"], ["staff"])
    assert who["account_id"] == made["id"]

    for answer in (browser.page(path), browser.form(INVITATION, **{**form, "username": "eve"})):
        assert answer.status_code == 404
        assert "invitation-unknown" in answer.text
    assert command(gateway, "show", "eve").returncode == 1
    assert Browser(gateway).sign_in().status_code == 303
    nothing_told(gateway, token, "a.test")


def test_an_invitation_ends_where_the_address_has_an_account_by_now(start):
    gateway = start()
    made = invite(gateway)
    second = invite(gateway)
    assert second["id"] == made["id"]
    add(gateway, "ann", "--email", "ANN.LEE@a.test")
    for link in (made["link"], second["link"]):
        path, token = local(gateway, link)
        assert Browser(gateway).page(path).status_code == 404
        form = {"token": token, "username": "eve", "password": PASSWORD}
        assert Browser(gateway).form(INVITATION, **form).status_code == 404
    assert Browser(gateway).page(f"{INVITATION}?token=guess").status_code == 404


def test_a_taken_name_leaves_the_invitation_as_it_was(start):
    gateway = start()
    add(gateway, "ann")
    _, token = local(gateway, invite(gateway)["link"])
    form = {"token": token, "password": PASSWORD}
    refused = Browser(gateway).form(INVITATION, **form, username="ANN")
    assert (refused.status_code, "belongs to another account" in refused.text) == (403, True)
    assert Browser(gateway).form(INVITATION, **form, username="lee").status_code == 303


def test_a_name_that_has_keys_is_not_for_whom_is_invited(start):
    static = {"user": "ci-bot", "name": "builds", "sha256": "0" * 64}
    gateway = start(api_keys={"static": [static]})
    made = subprocess.run(
        [
            *(*GATEPOST, "keys", "create", "-c", str(gateway.config_path)),
            *("--user", "deploy-bot", "--name", "deploys"),
        ],
        env=clean_environment({}),
        capture_output=True,
        check=True,
    )
    key = made.stdout.decode().split()[0]
    _, token = local(gateway, invite(gateway)["link"])
    form = {"token": token, "password": PASSWORD}
    with Browser(gateway) as browser:
        for name in ("deploy-bot", "Deploy-Bot", "\uff24eploy-bot", "CI-bot"):
            assert browser.form(INVITATION, **form, username=name).status_code == 403
        assert browser.form(INVITATION, **form, username="lee").status_code == 303
        assert browser.get(f"{gateway.base_url}/_gatepost/api/keys").json() == []
    bearer = {"Authorization": f"Bearer {key}"}
    who = Browser(gateway).get(f"{gateway.base_url}/_gatepost/whoami", headers=bearer)
    assert who.json()["user"] == "deploy-bot"


def test_a_link_is_no_way_to_keep_the_gateway_judging_passwords(start):
    gateway = start()
    add(gateway, "ann")
    _, invited = local(gateway, invite(gateway)["link"])
    _, reset = local(gateway, command(gateway, "reset-password", "ann", "--print").stdout.strip())
    for form in ({"token": invited, "username": "lee"}, {"token": reset}):
        path = INVITATION if "username" in form else RESET
        address = "127.0.0.2" if "username" in form else "127.0.0.3"
        eager = Browser(gateway, address)
        statuses = [eager.form(path, **form, password="short").status_code for _ in range(40)]
        assert set(statuses) == {400, 429}
        assert statuses[:10] == [400] * 10
        assert Browser(gateway).form(path, **form, password=OTHER).status_code == 303


def test_of_many_who_take_up_an_invitation_one_does(start):
    gateway = start(server={"workers": 2})
    _, token = local(gateway, invite(gateway)["link"])
    statuses, gate = [], threading.Barrier(6)

    def race(number):
        with Browser(gateway) as browser:
            gate.wait()
            form = {"token": token, "username": f"ann-{number % 3}", "password": PASSWORD}
            statuses.append((browser.form(INVITATION, **form).status_code, number % 3))

    threads = [threading.Thread(target=race, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [number for status, number in statuses if status == 303]
    assert {status for status, _ in statuses} <= {303, 404, 403}
    assert Browser(gateway).sign_in(f"ann-{winner}").status_code == 303
    # The names of the others are free.
    for number in {0, 1, 2} - {winner}:
        add(gateway, f"ann-{number}")


def sign_in_at_provider(gateway, user):
    """The answer to the callback of `user`, in a new browser."""
    browser = Browser(gateway)
    away = browser.page("/_gatepost/login/oidc").headers["Location"]

    async def walk():
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            return await sign_in_at_demo_provider(session, away, user)

    return browser.page(asyncio.run(walk()).removeprefix(gateway.base_url))


def test_in_hybrid_an_invitation_is_good_once_either_way(start, demo_provider):
    address = f"127.0.0.1:{take_free_port()}"
    callback = f"http://{address}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
    names = {"user": "preferred_username"}
    gateway = start(
        auth_mode="hybrid",
        server={"listen": address},
        providers={"oidc": {"issuer": provider.issuer, "client_id": "notes", "claims": names}},
        accounts={"provision": "invited"},
    )
    made = {user: invite(gateway, f"{user}@example.com") for user in ("ann", "bob")}
    made["eve"] = invite(gateway, "eve@example.com", "--issuer", provider.issuer)
    assert made["eve"].get("link") is None
    links = {user: local(gateway, made[user]["link"])[1] for user in ("ann", "bob")}

    def take_up(user):
        form = {"token": links[user], "username": user, "password": PASSWORD}
        return Browser(gateway).form(INVITATION, **form).status_code

    assert take_up("ann") == 303
    refused = sign_in_at_provider(gateway, "ann")
    assert (refused.status_code, "not-invited" in refused.text) == (403, True)
    assert sign_in_at_provider(gateway, "bob").status_code == 302
    assert take_up("bob") == 404
    assert sign_in_at_provider(gateway, "eve").status_code == 302
    for user, invited in made.items():
        shown = json.loads(command(gateway, "show", user, "--json").stdout)
        assert (shown["invitations"], shown["id"]) == ([], invited["id"])


def test_an_address_is_changed_by_a_link_to_it(start, mails):
    gateway = start()
    add(gateway, "ann", "--email", "old@a.test")
    add(gateway, "eve", "--email", "eve@a.test")
    browser, other, eve = Browser(gateway), Browser(gateway), Browser(gateway)
    browser.sign_in()
    other.sign_in()
    eve.sign_in("eve")
    Browser(gateway).form(FORGOT, name="ann")
    [reset] = mails(gateway, "old@a.test")
    assert browser.form(ACCOUNT, CROSS, new_email="new@a.test").status_code == 403
    assert browser.form(ACCOUNT, new_email="new@a.test\r\nBcc: x@a.test").status_code == 400

    asked = browser.form(ACCOUNT, new_email="new@a.test")
    assert (asked.status_code, "on its way to" in asked.text) == (200, True)
    [mail] = mails(gateway, "new@a.test")
    path, token = local(gateway, mail.link)
    assert browser.whoami()["email"] == "old@a.test"
    assert Browser(gateway).page(path).status_code == 302
    assert eve.page(path).status_code == 404
    assert eve.form(EMAIL, token=token).status_code == 404
    assert browser.form(EMAIL, CROSS, token=token).status_code == 403
    assert "new@a.test" in browser.page(path).text

    assert browser.form(EMAIL, token=token).status_code == 303
    assert browser.whoami()["email"] == "new@a.test"
    assert browser.page("/").json()["Remote-Email"] == "new@a.test"
    assert other.whoami() is None
    assert eve.whoami()["email"] == "eve@a.test"
    _, notice = mails(gateway, "old@a.test", 2)
    assert "has a new e-mail address" in notice.text
    assert "new@a.test" not in notice.text
    assert browser.form(EMAIL, token=token).status_code == 404
    assert browser.page(local(gateway, reset.link)[0]).status_code == 404
    again = Browser(gateway)
    again.sign_in()
    assert again.whoami()["email"] == "new@a.test"
    nothing_told(gateway, token, "a.test")


def test_strangers_get_at_most_three_mails_an_hour_from_an_account(start, mailbox, mails):
    gateway = start()
    add(gateway, "ann")
    browser = Browser(gateway)
    browser.sign_in()
    statuses = [browser.form(ACCOUNT, new_email=f"s{n}@a.test").status_code for n in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    mails(gateway, "s2@a.test")
    assert len(mailbox.received) == 3


class Hook(BaseHTTPRequestHandler):
    """Notes what it is told."""

    told: list[dict]  # Of each subclass.

    def do_POST(self):
        self.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hook(tmp_path):
    """What an app's hook was told, and its settings."""

    own = type("Own", (Hook,), {"told": []})
    secret = tmp_path / "hook"
    secret.write_text("x" * 40)
    secret.chmod(0o600)
    with serving(own) as url:
        yield own.told, {"http": {"url": f"{url}/", "secret_file": str(secret)}, "on": ["update"]}


def test_the_app_learns_of_a_new_address(start, mails, hook):
    told, settings = hook
    gateway = start(accounts={"hooks": [settings]})
    add(gateway, "ann", "--email", "old@a.test")
    browser = Browser(gateway)
    browser.sign_in()
    browser.form(ACCOUNT, new_email="new@a.test")
    [mail] = mails(gateway, "new@a.test")
    browser.form(EMAIL, token=local(gateway, mail.link)[1])
    assert [(it["event"], it["user"], it["email"]) for it in told][-1:] == [
        ("update", "ann", "new@a.test")
    ]
    assert command(gateway, "set-email", "ann", "--email", "third@a.test").returncode == 0
    assert (told[-1]["event"], told[-1]["email"]) == ("update", "third@a.test")


def test_without_a_mail_server_only_the_operator_changes_an_address(start):
    gateway = start(smtp=None)
    add(gateway, "ann", "--email", "old@a.test")
    browser = Browser(gateway)
    browser.sign_in()
    for path in (FORGOT, EMAIL):
        assert browser.page(path).status_code == 404
        assert browser.form(path, name="x").status_code == 404
    assert FORGOT not in Browser(gateway).page("/_gatepost/sign-in").text
    assert "new_email" not in browser.page(ACCOUNT).text
    assert browser.form(ACCOUNT, new_email="new@a.test").status_code == 400

    link = command(gateway, "reset-password", "ann").stdout.strip()
    done = command(gateway, "set-email", "ann", "--email", "new@a.test", "--json")
    assert json.loads(done.stdout)["email"] == "new@a.test"
    wait_until(lambda: browser.whoami() is None, gateway.process, "the end of the session")
    assert browser.page(local(gateway, link)[0]).status_code == 404
    browser.sign_in()
    assert browser.whoami()["email"] == "new@a.test"
    assert command(gateway, "set-email", "ann", "--email", "nobody").returncode == 2
    assert command(gateway, "set-email", "ann", "--email", "").returncode == 0
    assert "link" in invite(gateway)


def test_with_providers_only_there_are_no_links(start, demo_provider):
    provider = demo_provider({"client_id": "notes", "redirect_uris": ["http://a/"]})
    gateway = start(
        auth_mode=None, providers={"oidc": {"issuer": provider.issuer, "client_id": "notes"}}
    )
    browser = Browser(gateway)
    for path in (FORGOT, INVITATION, EMAIL):
        assert browser.page(f"{path}?token=x").status_code == 404
        assert browser.form(path, token="x").status_code == 404
    invited = command(gateway, "invite", "--email", "ann@a.test", "--json")
    assert "link" not in json.loads(invited.stdout)


def test_what_is_on_its_way_at_the_end_is_sent(start, mailbox):
    gateway = start()
    add(gateway, "ann", "--email", "ann@a.test")
    assert Browser(gateway).form(FORGOT, name="ann").status_code == 200
    gateway.stop()
    assert len(mailbox.to("ann@a.test")) == 1


def test_the_configuration_is_checked_with_its_mail_server(start, tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(
        "public_url: http://localhost\nupstreams: {a: http://a}\nsmtp: {url: mail, from: x}\n"
    )
    done = subprocess.run(
        [*GATEPOST, "check", "-c", str(path)],
        cwd=Path(__file__).parents[2],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "smtp.url" in done.stderr
    assert "smtp.from" in done.stderr


class JumpingClock:
    """The machine's, set forward by so many seconds."""

    ahead_s = 0.0

    def __call__(self):
        return time.time() + self.ahead_s  # noqa: TID251 - what is measured against


async def test_an_old_sign_in_needs_the_password_to_change_the_address(echo_app, mailbox, tmp_path):
    config = tmp_path / "gatepost.yaml"
    smtp = {"url": f"smtp://{mailbox.address}", "from": "notes@example.com"}
    settings = {"auth_mode": "standalone", "upstreams": {"app": echo_app}, "smtp": smtp}
    filled = with_defaults(settings, tmp_path)
    config.write_text(dump(filled))
    clock = JumpingClock()
    gateway = Gateway(load(config, {}).settings, clock=clock)
    await gateway.start()
    local = gateway.lasting.local.accounts
    await local.add(*await local.ready(NewPerson("ann", "old@a.test"), PASSWORD))

    def walk():
        address = SimpleNamespace(base_url=filled["public_url"])
        with Browser(address) as browser:
            browser.sign_in()
            assert "email_password" not in browser.page(ACCOUNT).text
            clock.ahead_s = 301
            page = browser.page(ACCOUNT).text
            assert 'name="email_password"' in page
            assert "/_gatepost/login/local?max_age=300" in page
            answers = [
                browser.form(ACCOUNT, new_email="new@a.test", **more).status_code
                for more in ({}, {"email_password": "wrong"}, {"email_password": PASSWORD})
            ]
            assert answers == [400, 400, 200]
            wrong = [
                browser.form(ACCOUNT, new_email="new@a.test", email_password="x").status_code
                for _ in range(12)
            ]
            assert wrong[-1] == 429

    try:
        await asyncio.to_thread(walk)
        await until(lambda: mailbox.to("new@a.test"))
    finally:
        await gateway.stop()
    assert len(mailbox.received) == 1
