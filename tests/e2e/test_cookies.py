"""An app's cookies have one owner, in one browser that several people use."""

import sqlite3
from contextlib import closing

import pytest

from tests.dataplane.harness import request, start_gateway
from tests.e2e.people import cookie_app
from tests.patience import until


async def test_an_http_only_cookie_is_its_owners(start):
    async with await start() as browser:
        await browser.sign_in("alice")
        await browser.get("/", "sid=a; Path=/; HttpOnly")
        for_alice = await browser.get("/")
        await browser.sign_in("bob")
        for_bob = await browser.get("/")
        await browser.get("/", "sid=b; Path=/; HttpOnly")
        own_of_bob = await browser.get("/")
        await browser.sign_in("alice")
        for_alice_again = await browser.get("/")

    assert for_alice == ["sid=a"]
    assert for_bob == []
    assert own_of_bob == ["sid=b"]
    assert for_alice_again == ["sid=a"]


async def test_after_a_sign_out_it_is_gone_for_good_and_others_keep_theirs(start):
    async with await start() as browser:
        await browser.sign_in("bob")
        await browser.get("/app/x", "sid=b; Path=/; HttpOnly", "deep=b; Path=/app; HttpOnly")
        await browser.sign_in("alice")
        await browser.get("/app/x", "sid=a; Path=/; HttpOnly", "deep=a; Path=/app; HttpOnly")
        before = await browser.get("/app/x")
        await browser.sign_out()
        for_nobody = await browser.get("/app/x")
        await browser.sign_in("alice")
        for_alice = await browser.get("/app/x")
        await browser.sign_in("bob")
        for_bob = await browser.get("/app/x")

    assert before == ["deep=a", "sid=a"]
    assert for_nobody == []
    assert for_alice == []
    assert for_bob == ["deep=b", "sid=b"]


async def test_nobodys_cookies_are_nobodys(start):
    async with await start() as browser:
        await browser.get("/", "sid=n; Path=/; HttpOnly")
        for_nobody = await browser.get("/")
        await browser.sign_in("alice")
        for_alice = await browser.get("/")
        await browser.sign_out()
        for_nobody_again = await browser.get("/")

    assert for_nobody == for_nobody_again == ["sid=n"]
    assert for_alice == []


async def test_public_routes_tell_owners_apart_too(start):
    async with await start() as browser:
        await browser.get("/public", "sid=n; Path=/; HttpOnly")
        await browser.sign_in("alice")
        for_alice = await browser.get("/public", "sid=a; Path=/; HttpOnly")
        of_alice = await browser.get("/public")
        elsewhere = await browser.get("/")
        await browser.sign_in("bob")
        for_bob = await browser.get("/public")
        await browser.sign_out()
        for_nobody = await browser.get("/public")

    assert for_alice == for_bob == []
    assert of_alice == elsewhere == ["sid=a"]
    assert for_nobody == ["sid=n"]


async def test_it_is_withheld_when_the_session_has_run_out_and_given_back_later(start):
    async with await start({"sessions": {"idle_timeout": "3s"}}) as browser:
        await browser.sign_in("alice")
        await browser.get("/", "sid=a; Path=/; HttpOnly", "theme=dark; Path=/")

        async def has_run_out():
            # A public route looks at the session, but that is no use of it.
            return await browser.get("/public") != ["sid=a", "theme=dark"]

        await until(has_run_out)
        ran_out = await browser.get("/public")
        for_nobody = await browser.get("/")
        await browser.sign_in("alice")
        for_alice = await browser.get("/")

    assert ran_out == for_nobody == ["theme=dark"]
    assert for_alice == ["sid=a", "theme=dark"]


PLACES = [
    pytest.param("theme=dark; Path=/", id="usual"),
    pytest.param("theme=dark; Path=/app", id="path"),
    pytest.param("theme=dark", id="default path"),
    pytest.param("theme=dark; Path=/; SameSite=Strict", id="strict"),
    pytest.param("theme=dark; Path=/; Domain=127.0.0.1", id="domain"),
]


@pytest.mark.parametrize("value", PLACES)
async def test_a_readable_cookie_keeps_its_name_and_is_cleared_at_a_sign_out(start, value):
    async with await start() as browser:
        await browser.sign_in("alice")
        await browser.get("/app/x", value)
        kept = browser.names()
        sent = await browser.get("/app/x")
        await browser.sign_out()
        left = browser.names()
        for_nobody = await browser.get("/app/x")

    assert kept == {"theme"}
    assert sent == ["theme=dark"]
    assert left == set()
    assert for_nobody == []


@pytest.mark.parametrize("value", PLACES)
async def test_a_readable_cookie_is_cleared_at_a_change_of_user_only(start, value):
    async with await start() as browser:
        await browser.get("/app/x", "language=de; Path=/")
        await browser.sign_in("alice")
        await browser.get("/app/x", value)
        await browser.sign_in("alice")
        for_alice = await browser.get("/app/x")
        await browser.sign_in("bob")
        for_bob = await browser.get("/app/x")

    assert for_alice == ["language=de", "theme=dark"]
    assert for_bob == []


@pytest.mark.parametrize(
    "value",
    [
        "sid=; Path=/; Max-Age=0",
        "sid=; Path=/; Max-Age=-1; HttpOnly",
        "sid=x; Path=/; Expires=Fri, 01 Jan 1971 00:00:00 GMT",
        " sid = ; path=/ ; MAX-AGE = 0",
    ],
)
@pytest.mark.parametrize("kind", ["; HttpOnly", ""])
async def test_the_app_can_delete_a_cookie(start, value, kind):
    async with await start() as browser:
        await browser.sign_in("alice")
        await browser.get("/", f"sid=a; Path=/{kind}")
        await browser.get("/", value)
        left = browser.names()
        sent = await browser.get("/")

    assert left == set()
    assert sent == []


async def test_a_cookie_may_change_its_kind(start):
    async with await start() as browser:
        await browser.sign_in("alice")
        await browser.get("/", "sid=readable; Path=/")
        await browser.get("/", "sid=hidden; Path=/; HttpOnly")
        hidden = await browser.get("/")
        await browser.get("/", "sid=readable; Path=/")
        readable = await browser.get("/")
        names = browser.names()

    assert hidden == ["sid=hidden"]
    assert readable == ["sid=readable"]
    assert names == {"sid"}


async def test_a_path_where_the_app_signs_out_is_a_sign_out(start):
    async with await start(upstream={"logout_paths": ["/leave"]}) as browser:
        await browser.sign_in("alice")
        await browser.get("/", "sid=a; Path=/; HttpOnly", "theme=dark; Path=/")
        on_leaving = await browser.get("/leave", "sid=late; Path=/; HttpOnly")
        for_nobody = await browser.get("/")
        await browser.sign_in("alice")
        for_alice = await browser.get("/")

    assert on_leaving == ["sid=a", "theme=dark"]
    assert for_nobody == for_alice == []


async def test_shared_cookies_are_left_alone(start):
    upstream = {"cookies": "shared", "logout_paths": ["/leave"]}
    async with await start(upstream=upstream) as browser:
        await browser.sign_in("alice")
        await browser.get("/", "sid=a; Path=/; HttpOnly", "theme=dark; Path=/")
        await browser.sign_out()
        await browser.sign_in("alice")
        await browser.get("/leave")
        await browser.sign_in("bob")
        for_bob = await browser.get("/")

    assert for_bob == ["sid=a", "theme=dark"]


async def test_no_cookie_of_the_gateways_reaches_the_app_or_can_be_set_by_it(start):
    async with await start() as browser:
        await browser.sign_in("alice")
        before = browser.cookies()
        hostile = ("gatepost=x; Path=/", "gatepost-jar=x; Path=/", "=gatepost=x; Path=/")
        await browser.get("/", *hostile, "gatepostage=1; Path=/")
        sent = await browser.get("/")
        after = browser.cookies()

    assert sent == ["gatepostage=1"]
    assert {k: c.value for k, c in after.items() if k != "gatepostage"} == {
        k: c.value for k, c in before.items()
    }
    assert {"gatepost", "gatepost-jar"} <= before.keys()


async def test_public_routes_go_on_without_the_store_but_owned_cookies_do_not(
    raw_upstream, tmp_path
):
    app = await raw_upstream(cookie_app)
    gateway = await start_gateway(
        tmp_path,
        {
            "upstreams": {"app": app.url},
            "routes": [
                {"name": "public", "prefix": "/public", "access": "public"},
                {"name": "rest", "prefix": "/", "access": "optional"},
            ],
        },
    )
    try:
        set_up = await gateway.ask(request("/public?set=sid%3Dn%3BHttpOnly"))
        owned = set_up.all(b"set-cookie")[0].partition(b";")[0]
        session = (await gateway.sign_in()).strip()
        with closing(sqlite3.connect(next(tmp_path.rglob("*.db")))) as database:
            database.execute("ALTER TABLE entries RENAME TO gone")
        cookie = b"Cookie: theme=dark; " + owned
        anonymous = await gateway.ask(request("/public", cookie))
        with_session = cookie + b"; " + session.removeprefix(b"Cookie: ")
        in_doubt = await gateway.ask(request("/public?set=sid%3Dx%3BHttpOnly", with_session))
        asked = await gateway.ask(request("/", with_session))
    finally:
        for client in gateway.clients:
            client.abort()
        await gateway.gateway.stop()

    assert (anonymous.status, anonymous.body) == (200, b"theme=dark; sid=n")
    assert (in_doubt.status, in_doubt.body) == (200, b"theme=dark")
    assert in_doubt.all(b"set-cookie") == []
    assert asked.status == 503
