"""The page of an app that is asleep, in a real browser: it goes on to the app by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from selenium.webdriver import Chrome
from yarl import URL

from tests.fixtures.chromium import heading
from tests.fixtures.network import take_free_port
from tests.patience import until

# A cookie of another site's link is left out the first time, and comes with the page's own reload.
STRICT = "strict=yes; SameSite=Strict"


class Sleeper:
    """An app that boots when told to."""

    def __init__(self) -> None:
        self.port = take_free_port()
        self.asked: list[tuple[str, str]] = []
        self._runner: web.AppRunner | None = None

    async def boot(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def sleep(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path_qs, request.headers.get("Cookie", "")))
        page = "<title>Notes</title><h1>Notes</h1>"
        return web.Response(text=page, content_type="text/html", headers={"Set-Cookie": STRICT})


@pytest.fixture
async def app() -> AsyncIterator[Sleeper]:
    it = Sleeper()
    yield it
    await it.sleep()


@pytest.fixture
def gateway(gateway_process: Callable[..., Any], app: Sleeper, wake_timeout: str) -> Any:
    """A gateway before the app."""
    listen = take_free_port()
    return gateway_process(
        {
            "public_url": f"http://localhost:{listen}",
            "server": {"listen": f"127.0.0.1:{listen}"},
            "upstreams": {
                "app": {"url": f"http://127.0.0.1:{app.port}", "wake_timeout": wake_timeout}
            },
            "providers": {"idp": {"issuer": "https://id.test", "client_id": "c"}},
            "routes": [{"name": "all", "prefix": "/", "access": "public"}],
        }
    )


@pytest.fixture
async def elsewhere() -> AsyncIterator[Callable[[str], str]]:
    """The address of a page of another site that links to an address."""

    async def link(request: web.Request) -> web.Response:
        page = f"<script>location = {request.query['to']!r}</script>"
        return web.Response(text=page, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", link)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    port = take_free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield lambda to: str(URL(f"http://127.0.0.1:{port}/").with_query(to=to))
    await runner.cleanup()


@pytest.mark.parametrize("wake_timeout", ["60s"])
async def test_the_page_goes_on_to_the_app_with_its_whole_address_and_its_cookies(
    gateway: Any, app: Sleeper, elsewhere: Callable[[str], str], chromium: Chrome
) -> None:
    url = f"http://localhost:{gateway.port}"
    await app.boot()
    await asyncio.to_thread(_visit, chromium, url, "Notes")
    await app.sleep()
    app.asked.clear()

    there = f"{url}/notes?page=2&q=a%20b#below"
    await asyncio.to_thread(_visit, chromium, elsewhere(there), "The app is starting")
    await app.boot()
    await asyncio.to_thread(heading, chromium, "Notes")

    assert await asyncio.to_thread(lambda: chromium.current_url) == there
    assert app.asked[0] == ("/notes?page=2&q=a%20b", "strict=yes")
    complaints = [it["message"] for it in chromium.get_log("browser") if it["level"] == "SEVERE"]
    assert [it for it in complaints if "Content Security Policy" in it] == []


@pytest.mark.parametrize("wake_timeout", ["60s"])
async def test_the_page_goes_on_without_scripts(
    gateway: Any, app: Sleeper, chromium: Chrome
) -> None:
    there = f"http://localhost:{gateway.port}/notes?page=2"
    without = {"value": True}

    def visit() -> None:
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", without)
        chromium.get(there)

    try:
        await asyncio.to_thread(visit)
        title = await asyncio.to_thread(lambda: chromium.title)
        await app.boot()
        await until(lambda: app.asked)
    finally:
        without["value"] = False
        chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", without)

    assert title.startswith("The app is starting")
    assert app.asked[0] == ("/notes?page=2", "")


def _visit(chromium: Chrome, url: str, shown: str) -> None:
    chromium.get(url)
    heading(chromium, shown)


@pytest.mark.parametrize("wake_timeout", ["4s"])
def test_the_page_comes_again_until_it_has_waited_long_enough(
    gateway: Any, chromium: Chrome
) -> None:
    chromium.get(f"http://localhost:{gateway.port}/")
    heading(chromium, "The app cannot be reached")
    gateway.wait_for_audit(reason="upstream-refused", path="/")

    reasons = [it["reason"] for it in gateway.audit() if it["path"] == "/"]
    assert len(reasons) > 1
    assert reasons == ["upstream-starting"] * (len(reasons) - 1) + ["upstream-refused"]
