"""An authenticator app, from setting it up to turning it off, in a real browser by its keys."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.fixtures.accounts import PASSWORD, add
from tests.fixtures.chromium import heading, wait_for_text, wait_until

_MOST_TABS = 60


@pytest.fixture
def gateway(start_standalone: Callable[..., Any]) -> Any:
    """A gateway with the account of ann."""
    gateway = start_standalone()
    add(gateway)
    return gateway


def keys(chromium: Chrome, *what: str) -> None:
    ActionChains(chromium).send_keys(*what).perform()


def tab_to(chromium: Chrome, selector: str) -> None:
    """Press Tab until what the CSS selector finds has the focus."""
    for _ in range(_MOST_TABS):
        if chromium.execute_script("return document.activeElement.matches(arguments[0])", selector):
            return
        keys(chromium, Keys.TAB)
    raise AssertionError(f"Tab does not lead to {selector}")


def type_in(chromium: Chrome, **values: str) -> None:
    """Fill the fields of these names, and press Enter in the last."""
    for name, value in values.items():
        tab_to(chromium, f"input[name={name}]")
        keys(chromium, value)
    leave(chromium, Keys.ENTER)


def press_key_at(chromium: Chrome, selector: str) -> None:
    tab_to(chromium, selector)
    leave(chromium, Keys.ENTER)


def leave(chromium: Chrome, key: str) -> None:
    chromium.execute_script("window.isLeft = true")
    keys(chromium, key)
    wait_until(chromium, "!window.isLeft")


async def test_from_set_up_to_turned_off_with_the_keyboard(gateway: Any, chromium: Chrome) -> None:
    url = f"http://localhost:{gateway.port}"

    # In a thread, because the app answers in the event loop.
    await asyncio.to_thread(_walk, chromium, url)

    complaints = [it["message"] for it in chromium.get_log("browser") if it["level"] == "SEVERE"]
    assert [it for it in complaints if "Content Security Policy" in it] == []


def _walk(chromium: Chrome, url: str) -> None:
    chromium.get(f"{url}/_gatepost/account")
    type_in(chromium, username="ann", password=PASSWORD)
    heading(chromium, "ann")

    press_key_at(chromium, "button[value=set-up]")
    # The picture is drawn, by the page's own policy.
    assert wait_until(
        chromium, "document.querySelector('.qr svg').getBoundingClientRect().width > 100"
    )
    secret = chromium.find_element(By.ID, "totp_secret").text.replace(" ", "")
    app = pyotp.TOTP(secret)
    used_step = _step()
    type_in(chromium, code=app.generate_otp(used_step))
    wait_for_text(chromium, "[role=status]", "recovery codes")
    recovery = chromium.find_element(By.CSS_SELECTOR, "[role=status] pre").text.split()
    assert len(recovery) == 10

    _sign_out(chromium, url)
    _sign_in(chromium, url)
    assert chromium.find_element(By.NAME, "code").get_attribute("inputmode") == "numeric"
    type_in(chromium, code="12345")
    wait_for_text(chromium, "[role=alert]", "The code is wrong")
    # A code is good once, so the next one.
    type_in(chromium, code=app.generate_otp(max(used_step + 1, _step())))
    heading(chromium, "Notes")
    assert chromium.current_url == f"{url}/deep#there"

    _sign_out(chromium, url)
    _sign_in(chromium, url)
    type_in(chromium, code=recovery[0])
    heading(chromium, "Notes")

    chromium.get(f"{url}/_gatepost/account")
    wait_for_text(chromium, "main", "Recovery codes left: 9.")
    press_key_at(chromium, "button[value=turn-off]")
    wait_for_text(chromium, "main", "Off. With an authenticator app")
    _sign_out(chromium, url)
    chromium.get(f"{url}/deep")
    type_in(chromium, username="ann", password=PASSWORD)
    heading(chromium, "Notes")


def _step() -> int:
    return int(datetime.now(UTC).timestamp()) // 30


def _sign_in(chromium: Chrome, url: str) -> None:
    chromium.get(f"{url}/deep#there")
    heading(chromium, "Sign in")
    type_in(chromium, username="ann", password=PASSWORD)
    heading(chromium, "Enter a code")


def _sign_out(chromium: Chrome, url: str) -> None:
    chromium.get(f"{url}/_gatepost/logout")
    press_key_at(chromium, "button")
    heading(chromium, "You are signed out")
