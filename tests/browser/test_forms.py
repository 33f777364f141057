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

from tests.fixtures.chromium import heading, open_tab, press, wait_for_text, wait_until
from tests.fixtures.network import take_free_port

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


def fill_in(chromium: Chrome, url: str, kind: str, *, photo: Path | None = None) -> None:
    """Open the form as alice, and type."""
    chromium.get(f"{url}/form/{kind}")
    if urlsplit(chromium.current_url).netloc != urlsplit(url).netloc:
        press(chromium, "button[value=alice]")
    area = wait_until(chromium, "document.querySelector('[name=text]')")
    chromium.execute_script("arguments[0].value = arguments[1]", area, TYPED)
    if photo is not None:
        chromium.find_element(By.NAME, "photo").send_keys(str(photo))


EXPECTED = [("text", TYPED.replace("\n", "\r\n")), ("tag", "a"), ("tag", "b")]


async def test_a_page_that_names_itself_to_nobody_posts_to_itself(
    chromium: Chrome, notes: tuple[App, str]
) -> None:
    app, url = notes

    def visit() -> None:
        fill_in(chromium, url, "plain")
        press(chromium, "button")
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
        press(chromium, "button")
        heading(chromium, "Sign-in required")
        assert app.posted == []
        if kind == "files":
            wait_for_text(chromium, "main", "owl.png")
            chromium.find_element(By.NAME, "photo").send_keys(str(photo))
        ours = open_tab(chromium, "main a[target=_blank]")
        # The provider still knows alice.
        heading(chromium, "You are signed in")
        chromium.close()
        chromium.switch_to.window(ours)
        messages = chromium.get_log("browser")
        press(chromium, "button")
        heading(chromium, 'Saved by "alice"')
        return [it for it in messages if it["source"] == "security"]

    assert await asyncio.to_thread(visit) == []

    ((target, media_type, fields),) = app.posted
    assert target == "/save?draft=1"
    if kind == "files":
        assert (media_type, fields) == ("multipart/form-data", [*EXPECTED, ("photo", "owl.png")])
    else:
        assert fields == [*EXPECTED, ("photo", "")]
