"""What depends on the time at the administrator's desk: giving access needs a recent sign-in."""

import json
from urllib.parse import urlencode

import pytest

from gateway.accounts.manager import load_accounts
from gateway.authz.access import Item
from gateway.authz.identity_conditions import UserIs
from gateway.credentials.local import local_of
from gateway.credentials.local_accounts import NewPerson
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.desk.administrators import FRESH_S
from gateway.endpoints.table import build_endpoints
from gateway.record.journal import Journal
from gateway.sealing.sealer import Sealer
from gateway.sessions.all_sessions import AllSessions
from tests.endpoints.conftest import HOST, KEY_SET

ORIGIN = f"https://{HOST}"
ADMINS = (Item((UserIs(("ann",)),), ("user: ann",), "[0]"),)
DESK, API = "/_gatepost/admin", "/_gatepost/api/admin"


@pytest.fixture
async def deps(sessions, apps, store, clock):
    accounts = await load_accounts(store, Sealer((b"s" * 32,)), clock)
    local = local_of(accounts, ORIGIN, clock)
    _, hashed = await local.accounts.ready(NewPerson("ann"), "crumbly meteor anchovy")
    for user in ("ann", "bob"):
        await local.accounts.add(NewPerson(user), hashed)
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
        admins=ADMINS,
    )
    local.hashes.close()


@pytest.fixture
async def ann(deps, open_browser):
    """The administrator, who has just signed in with a password."""
    browser = open_browser(build_endpoints(deps), deps.cookies, ORIGIN)
    form = b"username=ann&password=crumbly+meteor+anchovy"
    assert (await browser.post("/_gatepost/sign-in", form)).status == 303
    return browser


async def call(browser, method, path, value=None):
    fields = ((b"content-type", b"application/json"), (b"sec-fetch-mode", b"cors"))
    body = b"" if value is None else json.dumps(value).encode()
    how = {"body": body, "fields": fields, "navigates": False, "site": "same-origin"}
    answer = await browser.send(method, f"{API}/{path}", **how)
    return answer.status, json.loads(answer.body or b"null")


GIVES = [
    {"disabled": False},
    {"roles": ["chief"]},
    {"groups": ["staff"]},
    {"secret": {"name": "notes", "value": "x"}},
    {"link": {"issuer": "https://id.test", "subject": "1"}},
    {"merge_into": "ann"},
    {"release_name": "bob"},
    {"reset_second_factor": True},
]
TAKES = [
    {"disabled": True},
    {"secret": {"name": "notes", "value": None}},
    {"end_sessions": True},
    {"remove_passkeys": True},
]


@pytest.mark.parametrize("change", GIVES)
async def test_giving_access_needs_a_recent_sign_in(ann, clock, deps, change):
    before = await deps.accounts.named("bob")
    clock.now += FRESH_S + 1
    status, told = await call(ann, "PATCH", "accounts/bob", change)

    assert (status, told["reason"]) == (403, "sign-in-too-old")
    assert told["sign_in"] == f"{ORIGIN}/_gatepost/login/local?max_age=900"
    assert await deps.accounts.named("bob") == before
    assert (await deps.journal.page()).entries == ()


@pytest.mark.parametrize("change", TAKES)
async def test_taking_access_away_never_waits_for_a_sign_in(ann, clock, change):
    clock.now += FRESH_S + 1

    assert (await call(ann, "PATCH", "accounts/bob", change))[0] == 200


@pytest.mark.parametrize(("elapsed_s", "status"), [(FRESH_S - 1, 201), (FRESH_S + 1, 403)])
async def test_an_invitation_needs_a_sign_in_of_the_last_quarter_of_an_hour(
    ann, clock, elapsed_s, status
):
    clock.now += elapsed_s

    assert (await call(ann, "POST", "invitations", {"email": "a@a.test"}))[0] == status


async def test_the_page_leads_to_a_new_sign_in_and_back(ann, clock, deps):
    account_id, _ = await deps.accounts.named("bob")
    clock.now += FRESH_S + 1
    answer = await ann.post(f"{DESK}/accounts/{account_id}", urlencode({"roles": "chief"}).encode())

    assert answer.status == 403
    anew = f"/_gatepost/login/local?max_age=900&amp;return_to={DESK}/accounts/{account_id}"
    assert anew.encode() in answer.body
    assert (await deps.accounts.find(account_id)).roles == ()


async def test_what_the_store_cannot_note_is_not_done(ann, deps, store, monkeypatch):
    from gateway.errors import StoreUnavailableError

    put = type(store).put

    async def refusing(self, key, *args, **kwargs):
        if key.startswith("journal:"):
            raise StoreUnavailableError("down")
        return await put(self, key, *args, **kwargs)

    monkeypatch.setattr(type(store), "put", refusing)
    status, told = await call(ann, "PATCH", "accounts/bob", {"disabled": True})

    assert (status, told["reason"]) == (503, "store-unavailable")
    assert not (await deps.accounts.named("bob"))[1].is_disabled


async def test_a_session_that_ended_opens_nothing(ann, deps):
    assert (await call(ann, "GET", "accounts"))[0] == 200
    await deps.all_sessions.end_for("ann")

    status, told = await call(ann, "GET", "accounts")
    assert (status, told["reason"]) == (401, "session-expired")
    page = await ann.post(f"{DESK}/sessions", b"end_all_of=bob")
    assert page.status == 401
