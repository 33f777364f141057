"""The pages in a real browser: the policy lets their style through and their forms lead away."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from gateway.pages import page_fields, render, script
from tests.fixtures.chromium import press, wait_for_text
from tests.fixtures.network import take_free_port

# Ours is localhost, the provider 127.0.0.1, and its logout leads on to 127.0.0.2: three sites.


async def form(request: web.Request) -> web.Response:
    values: dict[str, Any] = {"name": "Alice", "provider": "P", "action": "/out", "home_url": "/"}
    body = render("logout", site="localhost", **values)
    return web.Response(body=body, headers=page_fields("logout"))


async def out(request: web.Request) -> web.Response:
    port = request.url.port
    raise web.HTTPSeeOther(f"http://127.0.0.1:{port}/end-session")


async def end_session(request: web.Request) -> web.Response:
    raise web.HTTPSeeOther(f"http://127.0.0.2:{request.url.port}/done")


async def done(request: web.Request) -> web.Response:
    return web.Response(text="signed out everywhere")


@pytest.fixture
async def ours() -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(
        [
            web.get("/form", form),
            web.post("/out", out),
            web.get("/end-session", end_session),
            web.get("/done", done),
            web.get("/asked", asked),
            web.get("/choice", choice),
            web.get("/keep-fragment.js", fragment_script),
            web.get("/consent", consent),
            web.get("/times.js", times_script),
        ]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = take_free_port()
    for host in ("127.0.0.1", "127.0.0.2"):
        await web.TCPSite(runner, host, port).start()
    yield f"http://localhost:{port}"
    await runner.cleanup()


async def test_signing_out_may_lead_through_any_number_of_sites(
    chromium: Chrome, ours: str
) -> None:
    def visit() -> tuple[str, str, list[Any]]:
        chromium.get(ours + "/form")
        colour = chromium.find_element(By.TAG_NAME, "main").value_of_css_property("border-radius")
        messages = chromium.get_log("browser")
        press(chromium, "button")
        return colour, wait_for_text(chromium, "body", "signed out"), messages

    radius, text, messages = await asyncio.to_thread(visit)

    assert radius == "14px"
    assert messages == []
    assert text == "signed out everywhere"


ENCODED = "/x?a=b"
FRAGMENTS = [
    ("#part/2?q=%C3%BC&r", f"{ENCODED}#part/2?q=%C3%BC&r"),
    ("", ENCODED),
    ("#", ENCODED),
    ("#a\\b", ENCODED),
    ("#" + "x" * 4000, ENCODED),
]


async def choice(request: web.Request) -> web.Response:
    """The page that chooses, as it comes of a redirect from a page with a fragment."""
    providers = [
        {"url": f"/login/{n}?return_to=/x%3Fa%3Db&max_age=1", "label": n, "name": n} for n in "ab"
    ]
    body = render(
        "sign-in",
        site="localhost",
        problem=None,
        local=True,
        script_url="/keep-fragment.js",
        passkey_script_url="/passkeys.js",
        forgot_url=None,
        set_up_url=None,
        sign_in_action="/",
        return_to=ENCODED,
        username="",
        providers=providers,
    )
    return web.Response(body=body, headers=page_fields("sign-in"))


async def fragment_script(request: web.Request) -> web.Response:
    return web.Response(body=script("keep-fragment"), content_type="text/javascript")


async def asked(request: web.Request) -> web.Response:
    raise web.HTTPFound("/choice")


async def test_a_fragment_is_kept_over_the_choice_of_a_provider(
    chromium: Chrome, ours: str
) -> None:
    def visit(fragment: str) -> tuple[str, str, str]:
        chromium.get("about:blank")
        chromium.get(f"{ours}/asked{fragment}")
        link = chromium.find_element(By.LINK_TEXT, "b").get_attribute("href") or ""
        kept = chromium.find_element(By.NAME, "return_to").get_attribute("value") or ""
        query = parse_qs(urlsplit(link).query)
        assert query["max_age"] == ["1"]
        return query["return_to"][0], kept, chromium.current_url

    for fragment, expected in FRAGMENTS:
        of_link, of_form, address = await asyncio.to_thread(visit, fragment)

        assert (of_link, of_form) == (expected, expected)
        assert address.startswith(f"{ours}/choice")
        messages = await asyncio.to_thread(chromium.get_log, "browser")
        assert [it for it in messages if it["source"] == "security"] == []


async def consent(request: web.Request) -> web.Response:
    """A page with a time, 2026-05-28 20:26:40 UTC."""
    body = render(
        "consent",
        site="localhost",
        **dict.fromkeys(("client", "client_host", "who", "user", "question", "logout_url"), "x"),
        **dict.fromkeys(("meanings", "scopes", "resources"), ()),
        is_registered_by_itself=False,
        asks_every_time=False,
        until=1_780_000_000,
        action="/",
        redirect_to="x",
        is_local=False,
        times_script_url="/times.js",
    )
    return web.Response(body=body, headers=page_fields("consent"))


async def times_script(request: web.Request) -> web.Response:
    return web.Response(body=script("times"), content_type="text/javascript")


async def test_times_are_shown_in_the_zone_of_the_visitor(chromium: Chrome, ours: str) -> None:
    def visit() -> tuple[str, str | None, list[Any]]:
        zone = "Emulation.setTimezoneOverride"
        chromium.execute_cdp_cmd(zone, {"timezoneId": "Asia/Kathmandu"})
        try:
            chromium.get(f"{ours}/consent")
            time = chromium.find_element(By.TAG_NAME, "time")
            return time.text, time.get_attribute("title"), chromium.get_log("browser")
        finally:
            chromium.execute_cdp_cmd(zone, {"timezoneId": ""})

    text, title, messages = await asyncio.to_thread(visit)

    assert "May 29, 2026" in text
    assert "2:11" in text
    assert title == "2026-05-28 20:26 UTC"
    assert [it for it in messages if it["source"] == "security"] == []
