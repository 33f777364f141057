"""The development provider, as a process of its own, signs people in at the gateway."""

import json
import subprocess
import sys
from urllib.parse import urlsplit

import aiohttp
import pytest

from gateway.oidc.registration import ClaimNames
from tests.endpoints.conftest import HOST, local, location
from tests.fixtures.processes import terminate
from tests.fixtures.real_clock import real_clock

__all__ = ["real_clock"]


CALLBACK = f"https://{HOST}/_gatepost/callback/demo"
LOGOUT = f"https://{HOST}/_gatepost/logout"
SECRET = "s:e+c r%t/ü"


@pytest.fixture(scope="module")
def issuer():
    client = {
        "client_id": "notes:web",
        "client_secret": SECRET,
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": [LOGOUT],
    }
    command = [sys.executable, "-m", "gateway.demo.provider", "--client", json.dumps(client)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())["issuer"]
        terminate(process, "the development provider")


@pytest.fixture
def browser(issuer, add_provider, make_browser):
    add_provider(
        "demo",
        issuer=issuer,
        client_id="notes:web",
        client_secret=SECRET,
        claims=ClaimNames(groups=("groups",), roles=("roles",)),
    )
    return make_browser()


async def sign_in(browser, query=""):
    there = location(await browser.get(f"/_gatepost/sign-in?return_to=/a{query}"))
    form = f"{there.partition('/authorize')[0]}/sign-in?{urlsplit(there).query}"
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
        http.post(form, data={"person": "alice"}, allow_redirects=False) as response,
    ):
        return await browser.get(local(response.headers["Location"]), site="cross-site")


async def test_in_and_out(browser, issuer):
    assert location(await sign_in(browser)) == "/a"
    person = await browser.whoami()
    assert (person["issuer"], person["provider"]) == (issuer, "demo")
    assert person["email"]
    assert person["groups"]

    out = await browser.post("/_gatepost/logout")
    async with (
        aiohttp.ClientSession() as http,
        http.get(location(out), allow_redirects=False) as response,
    ):
        assert response.headers["Location"].startswith(f"{LOGOUT}?state=")
    assert await browser.whoami() is None


async def test_a_step_up_comes_back_with_what_was_asked_for(browser):
    await sign_in(browser, "&acr_values=gold&max_age=0")

    assert (await browser.whoami())["authenticated_at"] is not None
