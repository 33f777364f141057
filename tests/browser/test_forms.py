"""Forms of an app behind the gateway, in a real browser: what is typed gets there."""

import asyncio
import html
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until
from selenium.webdriver.support.ui import WebDriverWait

from tests.fixtures.network import take_free_port

TIMEOUT_S = 20
TYPED = 'Owls & <b>"friends"</b>\nsecond line, ünï 🦉 100% a+b'
FORM = """<!doctype html><meta charset="utf-8"><title>app</title>
<form method="post" action="/save?draft=1" enctype="{enctype}">
<textarea name="text"></textarea><input name="tag" value="a"><input name="tag" value="b">
<input type="file" name="photo"><button>Save</button></form>"""


class App:
    """Shows forms, and remembers what was posted."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, str, list[tuple[str, str]]]] = []

    async def form(self, request: web.Request) -> web.Response:
        """The form, whose page names itself to nobody."""
        kinds = {"plain": "application/x-www-form-urlencoded", "files": "multipart/form-data"}
        text = FORM.format(enctype=kinds[request.match_info["kind"]])
        headers = {"Referrer-Policy": "no-referrer"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def save(self, request: web.Request) -> web.Response:
        """Note what came."""
        fields = [
            (name, value.filename if isinstance(value, web.FileField) else value)
            for name, value in (await request.post()).items()
        ]
        self.posted.append((request.path_qs, request.content_type, fields))
        told = html.escape(json.dumps(request.headers.get("Remote-User")))
        return web.Response(text=f"<h1>Saved by {told}</h1>", content_type="text/html")


@pytest.fixture
async def notes(gateway_process: Callable[..., Any], demo_provider: Callable[..., Any]) -> Any:
    """The app, and the URL of a gateway before it."""
    app, port = App(), take_free_port()
    server = web.Application()
    server.add_routes([web.get("/form/{kind}", app.form), web.post("/save", app.save)])
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    listen = take_free_port()
    url = f"http://localhost:{listen}"
    provider = demo_provider(
        {"client_id": "notes", "redirect_uris": [f"{url}/_gatepost/callback/oidc"]}
    )
    await asyncio.to_thread(
        gateway_process,
        {
            "public_url": url,
            "server": {"listen": f"127.0.0.1:{listen}"},
            "upstreams": {"app": f"http://127.0.0.1:{port}"},
            "providers": {
                "oidc": {
                    "issuer": provider.issuer,
                    "client_id": "notes",
                    "claims": {"user": "preferred_username"},
                }
            },
        },
    )
    yield app, url
    await runner.cleanup()


def heading(chromium: Chrome, text: str) -> None:
    """Wait for a page with this heading."""
    WebDriverWait(chromium, TIMEOUT_S).until(
        until.text_to_be_present_in_element((By.TAG_NAME, "h1"), text)
    )


def fill_in(chromium: Chrome, url: str, kind: str, *, photo: Path | None = None) -> None:
    """Open the form as alice, and type."""
    chromium.get(f"{url}/form/{kind}")
    if urlsplit(chromium.current_url).netloc != urlsplit(url).netloc:
        chromium.find_element(By.CSS_SELECTOR, "button[value=alice]").click()
        WebDriverWait(chromium, TIMEOUT_S).until(until.url_contains("/form/"))
    area = chromium.find_element(By.NAME, "text")
    chromium.execute_script("arguments[0].value = arguments[1]", area, TYPED)
    if photo is not None:
        chromium.find_element(By.NAME, "photo").send_keys(str(photo))


def save(chromium: Chrome) -> None:
    """Press the form's button."""
    chromium.find_element(By.TAG_NAME, "button").click()


EXPECTED = [("text", TYPED.replace("\n", "\r\n")), ("tag", "a"), ("tag", "b")]


async def test_a_page_that_names_itself_to_nobody_posts_to_itself(
    chromium: Chrome, notes: tuple[App, str]
) -> None:
    app, url = notes

    def visit() -> None:
        fill_in(chromium, url, "plain")
        save(chromium)
        heading(chromium, 'Saved by "alice"')

    await asyncio.to_thread(visit)

    ((target, _, fields),) = app.posted
    assert (target, fields) == ("/save?draft=1", [*EXPECTED, ("photo", "")])


@pytest.mark.parametrize("kind", ["plain", "files"])
async def test_what_was_typed_outlives_the_session(
    chromium: Chrome, notes: tuple[App, str], kind: str, tmp_path: Path
) -> None:
    app, url = notes
    photo = tmp_path / "owl.png"
    photo.write_bytes(b"\x89PNG\xff\x00")

    def visit() -> list[Any]:
        fill_in(chromium, url, kind, photo=photo if kind == "files" else None)
        chromium.delete_all_cookies()
        save(chromium)
        heading(chromium, "Sign-in required")
        assert app.posted == []
        if kind == "files":
            assert "owl.png" in chromium.find_element(By.TAG_NAME, "main").text
            chromium.find_element(By.NAME, "photo").send_keys(str(photo))
        ours = chromium.current_window_handle
        chromium.find_element(By.PARTIAL_LINK_TEXT, "Sign in").click()
        WebDriverWait(chromium, TIMEOUT_S).until(until.number_of_windows_to_be(2))
        (other,) = set(chromium.window_handles) - {ours}
        chromium.switch_to.window(other)
        # The provider still knows alice.
        heading(chromium, "You are signed in")
        chromium.close()
        chromium.switch_to.window(ours)
        messages = chromium.get_log("browser")
        chromium.find_element(By.TAG_NAME, "button").click()
        heading(chromium, 'Saved by "alice"')
        return [it for it in messages if it["source"] == "security"]

    assert await asyncio.to_thread(visit) == []

    ((target, media_type, fields),) = app.posted
    assert target == "/save?draft=1"
    if kind == "files":
        assert (media_type, fields) == ("multipart/form-data", [*EXPECTED, ("photo", "owl.png")])
    else:
        assert fields == [*EXPECTED, ("photo", "")]
