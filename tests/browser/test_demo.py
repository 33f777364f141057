"""The whole of it, as a newcomer meets it: `gatepost demo` and a browser."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions as until
from selenium.webdriver.support.ui import WebDriverWait

from tests.fixtures.network import take_free_port

TIMEOUT_S = 20


@pytest.fixture
def demo() -> Iterator[str]:
    """The URL of a running demo, which Ctrl-C ends with nothing left over."""
    port = take_free_port()
    command = [sys.executable, "-m", "gateway", "demo", "--port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        guide = iter(process.stdout.readline, "")
        first = next((line for line in guide if "Open in a browser" in line), None)
        assert first is not None, "the demo ended before it was ready"
        yield f"http://localhost:{port}"
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(TIMEOUT_S) == 0


def heading(chromium: Chrome, text: str) -> None:
    """Wait for a page with this heading."""
    WebDriverWait(chromium, TIMEOUT_S).until(
        until.text_to_be_present_in_element((By.TAG_NAME, "h1"), text)
    )


def test_a_newcomer_signs_in_is_greeted_and_signs_out(demo: str, chromium: Chrome) -> None:
    chromium.get(f"{demo}/admin")
    heading(chromium, "Who would you like to be?")
    chromium.find_element(By.CSS_SELECTOR, "button[value=alice]").click()

    heading(chromium, "Hello, Alice Archer")
    assert chromium.current_url == f"{demo}/admin"
    shown = chromium.find_element(By.TAG_NAME, "main").text
    assert "alice@example.com" in shown
    assert "admins,staff" in shown
    assert '"iss": ' in shown

    chromium.find_element(By.LINK_TEXT, "Sign out").click()
    heading(chromium, "Sign out?")
    chromium.find_element(By.TAG_NAME, "button").click()
    heading(chromium, "You are signed out")

    chromium.get(demo)
    heading(chromium, "Who would you like to be?")
    chromium.find_element(By.CSS_SELECTOR, "button[value=bob]").click()
    heading(chromium, "Hello, Bob Baker")
    chromium.get(f"{demo}/admin")
    heading(chromium, "Not allowed")
