"""The pages in a browser that runs no scripts: every form does what it does with them."""

import asyncio
import re
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.browser.visitors import Surfer
from tests.browser.world import CALLBACK, World
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.chromium import heading, wait_for_text


@pytest.fixture
def surfer(world: World, chromium: Chrome) -> Surfer:
    """Somebody who has turned scripts off; the driver's own still run."""
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    return Surfer(chromium, world.url)


def test_signing_in_making_a_key_ending_a_session_and_signing_out(
    world: World, surfer: Surfer, chromium: Chrome
) -> None:
    surfer.open("/notes")
    heading(chromium, "Sign in")
    # What only scripts can do is not offered.
    assert "passkey" not in wait_for_text(chromium, "main", "User name")
    surfer.send(username="ann", password=PASSWORD)
    heading(chromium, "Notes")
    elsewhere = world.client()
    elsewhere.become(world.signed_in("ann"))

    surfer.open("/_gatepost/account")
    wait_for_text(chromium, "main", "Adding a passkey needs JavaScript")
    surfer.send("create_key", "1", key_name="backup")
    assert "gp_" in wait_for_text(chromium, "[role=status] code", "gp_")
    assert elsewhere.http.get(f"{world.url}/_gatepost/whoami").status_code == 200
    ended = chromium.find_element("css selector", "button[name=end]:not([value=all])")
    surfer.send("end", ended.get_attribute("value") or "")
    heading(chromium, "ann")
    assert elsewhere.http.get(f"{world.url}/_gatepost/whoami").status_code == 401

    surfer.open("/_gatepost/logout")
    surfer.send()
    heading(chromium, "You are signed out")
    surfer.open("/notes")
    heading(chromium, "Sign in")


async def test_setting_up(gateway: Any, surfer: Surfer, chromium: Chrome) -> None:
    [token] = re.findall(r"setup token: (\S+)", gateway.log())
    # In a thread, because the app answers in the event loop.
    await asyncio.to_thread(_set_up, f"http://localhost:{gateway.port}/", surfer, chromium, token)


def _set_up(url: str, surfer: Surfer, chromium: Chrome, token: str) -> None:
    surfer.open(url)
    heading(chromium, "Set up")
    surfer.send(token=token, username="ann", password=PASSWORD)
    heading(chromium, "Notes")


def test_a_code_after_the_password(world: World, surfer: Surfer, chromium: Chrome) -> None:
    surfer.open("/notes")
    surfer.send(username="di", password=PASSWORD)
    heading(chromium, "Enter a code")
    surfer.send(code=world.recovery_codes["di"].pop())
    heading(chromium, "Notes")


def test_saying_whether_an_app_may_act_for_you(
    world: World, surfer: Surfer, chromium: Chrome
) -> None:
    surfer.become(world.signed_in("bob"))
    for answer, told in (("deny", "error=access_denied"), ("allow", "code=")):
        surfer.open(world.authorize_path())
        heading(chromium, "Allow Wiki?")
        surfer.send("answer", answer)
        # The app is nowhere, so the address that the browser stops at is all there is.
        assert chromium.current_url.startswith(f"{CALLBACK}?")
        assert told in chromium.current_url
