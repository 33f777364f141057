"""Signed out from elsewhere: the app's cookies in this browser are gone, not just withheld."""

import pytest

from tests.patience import until


async def ended(browser):
    """Wait until the browser's session is over."""

    async def is_over():
        return not (await browser.whoami()).get("user")

    await until(is_over)


async def everywhere(browser, other):
    """Sign out everywhere, at another device."""
    url = f"{other.base_url}/_gatepost/api/sessions"
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with other.session.delete(url, headers=headers) as response:
        assert response.status == 204


async def one_of_them(browser, other):
    """End the one session, at another device."""
    url = f"{other.base_url}/_gatepost/api/sessions"
    async with other.session.get(url) as response:
        (it,) = [found for found in await response.json() if not found["current"]]
    headers = {"Sec-Fetch-Site": "same-origin"}
    async with other.session.delete(f"{url}/{it['id']}", headers=headers) as response:
        assert response.status == 204


@pytest.mark.parametrize("way", [everywhere, one_of_them])
@pytest.mark.parametrize("between", [False, True])
async def test_the_apps_cookies_do_not_come_back(start, way, between):
    async with await start() as browser, type(browser)(browser.base_url) as other:
        await browser.sign_in("alice")
        await other.sign_in("alice")
        await browser.get("/", "sid=a; Path=/; HttpOnly", "theme=dark; Path=/")
        await other.get("/", "sid=o; Path=/; HttpOnly")
        await way(browser, other)
        await ended(browser)
        for_nobody = await browser.get("/public")
        if between:
            await browser.sign_in("bob")
        await browser.sign_in("alice")
        for_alice = await browser.get("/")
        await browser.get("/", "sid=new; Path=/; HttpOnly")
        anew = await browser.get("/")
        if way is one_of_them:
            assert await other.get("/") == ["sid=o"]

    assert for_nobody == ["theme=dark"]
    assert for_alice == []
    assert anew == ["sid=new"]
