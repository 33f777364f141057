"""What depends on the time about passkeys: challenges, and the proof that changes need."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from gateway.accounts.manager import load_accounts
from gateway.credentials.local import local_of
from gateway.credentials.local_accounts import NewPerson
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import FRESH_S
from gateway.endpoints.passkey_challenges import VALID_S
from gateway.endpoints.table import build_endpoints
from gateway.record.journal import Journal
from gateway.sealing.sealer import Sealer
from gateway.sessions.all_sessions import AllSessions
from tests.endpoints.conftest import HOST, KEY_SET
from tests.fixtures.authenticator import register, use

ORIGIN = f"https://{HOST}"
SIGN_IN, OPTIONS = "/_gatepost/sign-in/passkey", "/_gatepost/sign-in/passkey/options"
OWN, NEW = "/_gatepost/api/passkeys", "/_gatepost/api/passkeys/options"


@pytest.fixture
async def deps(sessions, apps, store, clock, sign_ins):
    accounts = await load_accounts(store, Sealer((b"s" * 32,)), clock)
    local = local_of(accounts, ORIGIN, clock)
    _, hashed = await local.accounts.ready(NewPerson("ann"), "crumbly meteor anchovy")
    await local.accounts.add(NewPerson("ann"), hashed)
    yield Deps(
        providers={},
        sessions=sessions,
        all_sessions=AllSessions(sessions, apps),
        cookies=CookieRules(),
        clock=clock,
        key_set=lambda: KEY_SET,
        store=store,
        journal=Journal(store, Sealer((b"j" * 32,)), clock),
        accounts=accounts,
        local=local,
        on_sign_in=lambda provider, outcome: sign_ins.append((provider, outcome)),
    )
    local.hashes.close()


@pytest.fixture
async def ann(deps, open_browser):
    """Somebody who has just signed in with a password."""
    browser = open_browser(build_endpoints(deps), deps.cookies, ORIGIN)
    form = b"username=ann&password=crumbly+meteor+anchovy"
    assert (await browser.post("/_gatepost/sign-in", form)).status == 303
    return browser


async def call(browser, path, value=None, method="POST"):
    fields = ((b"content-type", b"application/json"), (b"sec-fetch-mode", b"cors"))
    body = b"" if value is None else json.dumps(value).encode()
    how = {"body": body, "fields": fields, "navigates": False, "site": "same-origin"}
    answer = await browser.send(method, path, **how)
    return answer.status, json.loads(answer.body or b"null")


async def enrol(browser):
    _, asked = await call(browser, NEW)
    key, credential = register(asked, ORIGIN)
    status, made = await call(browser, OWN, {"credential": credential})
    assert status == 201, made
    return key, made


async def test_changes_need_a_recent_sign_in(ann, clock):
    _, made = await enrol(ann)
    _, asked = await call(ann, NEW)
    clock.now += FRESH_S + 1

    _, credential = register(asked, ORIGIN)
    refused = [
        await call(ann, NEW),
        await call(ann, OWN, {"credential": credential}),
        await call(ann, f"{OWN}/{made['id']}", method="DELETE"),
    ]
    for status, told in refused:
        assert (status, told["reason"]) == (403, "sign-in-too-old")
        assert told["sign_in"] == f"{ORIGIN}/_gatepost/login/local?max_age=300"
    page = await ann.post("/_gatepost/account", f"remove_passkey={made['id']}".encode())
    assert page.status == 403
    assert b"/_gatepost/login/local?max_age=300&amp;return_to=/_gatepost/account" in page.body
    assert (await call(ann, OWN, method="GET"))[1] == [made]


async def test_a_passkey_proves_anew_who_somebody_is(ann, clock):
    key, made = await enrol(ann)
    clock.now += FRESH_S + 1
    _, asked = await call(ann, OPTIONS)
    status, told = await call(ann, SIGN_IN, {"credential": use(key, asked, ORIGIN)})
    assert (status, told) == (200, {"return_to": "/"})
    assert (await call(ann, f"{OWN}/{made['id']}", method="DELETE"))[0] == 204


@pytest.mark.parametrize(("elapsed_s", "status"), [(VALID_S - 1, 200), (VALID_S, 400)])
async def test_a_challenge_is_good_for_five_minutes(ann, clock, sign_ins, elapsed_s, status):
    key, _ = await enrol(ann)
    _, asked = await call(ann, OPTIONS)
    clock.now += elapsed_s
    assert (await call(ann, SIGN_IN, {"credential": use(key, asked, ORIGIN)}))[0] == status
    assert sign_ins[-1] == ("local", "success" if status == 200 else "passkey-expired")


async def test_a_wrong_response_writes_nothing(ann, store):
    key, _ = await enrol(ann)
    _, asked = await call(ann, OPTIONS)
    store.calls.clear()
    wrong = use(key, asked, ORIGIN, rp_id="evil.test")
    assert (await call(ann, SIGN_IN, {"credential": wrong}))[0] == 401
    assert set(store.calls) <= {"get", "find"}
    # It did not use the challenge up.
    assert (await call(ann, SIGN_IN, {"credential": use(key, asked, ORIGIN)}))[0] == 200


async def test_a_challenge_is_sealed_and_bound_to_its_cookie(ann):
    key, _ = await enrol(ann)
    _, asked = await call(ann, OPTIONS)
    [name] = [it for it in ann.cookies if "-passkey-" in it]
    assert name.startswith("__Host-gatepost-passkey-")
    value = ann.cookies.pop(name)
    for other in (value[:-1] + ("A" if value[-1] != "A" else "B"), "", "x"):
        ann.cookies[name] = other
        answer = await call(ann, SIGN_IN, {"credential": use(key, asked, ORIGIN)})
        assert answer[1]["reason"] == "passkey-expired"
    ann.cookies[name] = value
    assert (await call(ann, SIGN_IN, {"credential": use(key, asked, ORIGIN)}))[0] == 200
    assert name not in ann.cookies


async def test_the_only_way_in_cannot_be_removed(ann, deps):
    _, made = await enrol(ann)
    account_id, _ = await deps.accounts.named("ann")
    await deps.accounts.change(account_id, lambda it: replace(it, password=None))
    status, told = await call(ann, f"{OWN}/{made['id']}", method="DELETE")
    assert (status, told["reason"]) == (409, "last-way-in")
    page = await ann.post("/_gatepost/account", f"remove_passkey={made['id']}".encode())
    assert (page.status, b"your only way to sign in" in page.body) == (409, True)


@pytest.mark.parametrize("why", ["wrong response", "password changed meanwhile"])
async def test_every_401_says_where_to_sign_in(ann, deps, why):
    key, _ = await enrol(ann)
    _, asked = await call(ann, OPTIONS)
    how = {"rp_id": "evil.test"} if why == "wrong response" else {}
    credential = use(key, asked, ORIGIN, **how)
    sign_in = deps.accounts.sign_in

    async def sign_in_slowly(identity):
        signed_in = await sign_in(identity)
        await deps.accounts.change(identity.subject, lambda it: replace(it, password="another"))
        return signed_in

    deps.accounts.sign_in = sign_in_slowly
    fields = ((b"content-type", b"application/json"),)
    answer = await ann.post(
        SIGN_IN, json.dumps({"credential": credential}).encode(), fields=fields, navigates=False
    )
    assert answer.status == 401
    # RFC 9110, section 15.5.2.
    assert dict(answer.fields)["WWW-Authenticate"].startswith("Gatepost sign_in=")


async def test_a_sign_in_without_the_store_is_told_to_start_again(ann, store):
    key, _ = await enrol(ann)
    _, asked = await call(ann, OPTIONS)
    store.down = True
    status, told = await call(ann, SIGN_IN, {"credential": use(key, asked, ORIGIN)})
    assert (status, told["reason"]) == (503, "sign-in-unfinished")


def test_a_start_imports_no_library_for_passkeys():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, gateway.assembly.worker, gateway.cli.accounts\n"
            "print({'webauthn', 'cbor2', 'OpenSSL', 'pyasn1'} & sys.modules.keys())",
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "set()", done.stderr
