"""The whole of it, as a newcomer meets it: `gatepost demo` and a browser."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until
from selenium.webdriver.support.ui import WebDriverWait

from tests.fixtures.network import take_free_port

TIMEOUT_S = 20


@dataclass(frozen=True)
class Demo:
    """Where a running demo is: the gateway, and the phone beside it."""

    url: str
    phone: str


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A running demo, which Ctrl-C ends with nothing left over."""
    port = take_free_port()
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        guide = iter(process.stdout.readline, "")
        phone = next((line for line in guide if "an app on a phone" in line), None)
        assert phone is not None, "the demo ended before it was ready"
        yield Demo(f"http://localhost:{port}", phone.split()[0])
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(TIMEOUT_S) == 0


def heading(chromium: Chrome, text: str) -> None:
    """Wait for a page with this heading."""
    WebDriverWait(chromium, TIMEOUT_S).until(
        until.text_to_be_present_in_element((By.TAG_NAME, "h1"), text)
    )


def press(chromium: Chrome, label: str) -> None:
    """Press the button of that label."""
    chromium.find_element(By.XPATH, f"//button[.='{label}']").click()


def test_a_newcomer_signs_in_is_greeted_and_signs_out(demo: Demo, chromium: Chrome) -> None:
    chromium.get(f"{demo.url}/admin")
    heading(chromium, "Who would you like to be?")
    chromium.find_element(By.CSS_SELECTOR, "button[value=alice]").click()

    heading(chromium, "Hello, Alice Archer")
    assert chromium.current_url == f"{demo.url}/admin"
    shown = chromium.find_element(By.TAG_NAME, "main").text
    assert "alice@example.com" in shown
    assert "admins,staff" in shown
    assert '"iss": ' in shown

    chromium.find_element(By.LINK_TEXT, "Sign out").click()
    heading(chromium, "Sign out?")
    chromium.find_element(By.TAG_NAME, "button").click()
    heading(chromium, "You are signed out")

    chromium.get(demo.url)
    heading(chromium, "Who would you like to be?")
    chromium.find_element(By.CSS_SELECTOR, "button[value=bob]").click()
    heading(chromium, "Hello, Bob Baker")
    chromium.get(f"{demo.url}/admin")
    heading(chromium, "Not allowed")
    assert "signed in as Bob Baker" in chromium.find_element(By.TAG_NAME, "main").text

    chromium.find_element(By.LINK_TEXT, "Use another account").click()
    heading(chromium, "Who would you like to be?")
    chromium.find_element(By.CSS_SELECTOR, "button[value=alice]").click()
    heading(chromium, "Hello, Alice Archer")
    assert chromium.current_url == f"{demo.url}/admin"


def test_an_app_on_a_phone_gets_tokens_renews_them_and_is_signed_out(
    demo: Demo, chromium: Chrome
) -> None:
    chromium.get(demo.phone)
    chromium.find_element(By.LINK_TEXT, "Sign in").click()
    heading(chromium, "Who would you like to be?")
    chromium.find_element(By.CSS_SELECTOR, "button[value=alice]").click()
    heading(chromium, "Signed in")
    first = chromium.find_element(By.TAG_NAME, "main").text
    assert "Remote-User: alice" in first
    press(chromium, "Renew the tokens")
    heading(chromium, "Signed in")
    assert chromium.find_element(By.TAG_NAME, "pre").text not in first

    # Its owner ends it, in the browser, which is signed in at the provider already.
    chromium.find_element(By.LINK_TEXT, "the account page").click()
    heading(chromium, "Alice Archer")
    assert "app demo-phone" in chromium.find_element(By.TAG_NAME, "main").text
    press(chromium, "Sign out")
    WebDriverWait(chromium, TIMEOUT_S).until_not(
        until.text_to_be_present_in_element((By.TAG_NAME, "main"), "app demo-phone")
    )
    chromium.get(demo.phone)
    press(chromium, "Renew the tokens")
    WebDriverWait(chromium, TIMEOUT_S).until(
        until.text_to_be_present_in_element((By.CLASS_NAME, "note"), "not one of this gateway's")
    )
