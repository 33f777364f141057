"""The first-run page and the local form, in a real browser."""

import asyncio
import re
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.fixtures.accounts import PASSWORD
from tests.fixtures.chromium import heading, press, wait_for_text


def fill(chromium: Chrome, **values: str) -> None:
    for name, value in values.items():
        chromium.find_element(By.NAME, name).clear()
        chromium.find_element(By.NAME, name).send_keys(value)


async def test_from_the_first_page_to_signed_in(gateway: Any, chromium: Chrome) -> None:
    url = f"http://localhost:{gateway.port}"
    [token] = re.findall(r"setup token: (\S+)", gateway.log())

    # In a thread, because the app answers in the event loop.
    await asyncio.to_thread(_walk, chromium, url, token)

    complaints = [it["message"] for it in chromium.get_log("browser") if it["level"] == "SEVERE"]
    assert [it for it in complaints if "Content Security Policy" in it] == []


def _walk(chromium: Chrome, url: str, token: str) -> None:
    chromium.get(f"{url}/")
    heading(chromium, "Set up this gateway")
    fill(chromium, token=token, username="ann", email="ann@example.com", password="password12")
    press(chromium, "button")
    wait_for_text(chromium, "[role=alert]", "easy to guess")
    fill(chromium, password=PASSWORD)
    press(chromium, "button")
    heading(chromium, "Notes")

    chromium.get(f"{url}/_gatepost/logout")
    press(chromium, "button")
    heading(chromium, "You are signed out")
    chromium.get(f"{url}/deep#there")
    heading(chromium, "Sign in")
    fill(chromium, username="Ann", password="not her password")
    press(chromium, "button")
    wait_for_text(chromium, "[role=alert]", "is wrong")
    fill(chromium, password=PASSWORD)
    press(chromium, "button")
    heading(chromium, "Notes")
    assert chromium.current_url == f"{url}/deep#there"

    chromium.get(f"{url}/_gatepost/account")
    heading(chromium, "ann")
    fill(chromium, old_password=PASSWORD, new_password="velvet trombone glacier")
    press(chromium, "button", "Change the password")
    heading(chromium, "ann")
