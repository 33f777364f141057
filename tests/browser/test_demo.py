"""The whole of it, as a newcomer meets it: `gatepost demo` and a browser."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.webdriver import Chrome

from tests.fixtures.chromium import PATIENCE_S, heading, press, wait_for_text, wait_until
from tests.fixtures.network import take_free_port


@dataclass(frozen=True)
class Demo:
    """Where a running demo is: the gateway, and the phone and the assistant beside it."""

    url: str
    phone: str
    assistant: str


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
        yield Demo(f"http://localhost:{port}", phone.split()[0], next(guide).split()[0])
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture
def standalone() -> Iterator[tuple[str, str]]:
    """Where a demo without a provider is, and its setup token."""
    port = take_free_port()
    command = [sys.executable, "-m", "gateway", "demo", "--standalone", "--port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stdout is not None
        guide = iter(process.stdout.readline, "")
        assert any("The setup token is" in line for line in guide), "the demo ended too soon"
        yield f"http://localhost:{port}", next(guide).strip()
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        assert process.wait(PATIENCE_S) == 0


def test_without_a_provider_a_newcomer_sets_up_and_signs_in(
    standalone: tuple[str, str], chromium: Chrome
) -> None:
    url, token = standalone
    values = {"token": token, "username": "ann", "password": "crumbly meteor anchovy"}
    chromium.get(url)
    heading(chromium, "See what Gatepost does")
    press(chromium, "a", "Sign in")
    heading(chromium, "Set up this gateway")
    for name, value in values.items():
        chromium.find_element("name", name).send_keys(value)
    press(chromium, "button")
    heading(chromium, "Hello, ann")

    chromium.get(f"{url}/_gatepost/logout")
    press(chromium, "button")
    chromium.get(f"{url}/me")
    for name in ("username", "password"):
        chromium.find_element("name", name).send_keys(values[name])
    press(chromium, "button")
    heading(chromium, "Hello, ann")
    chromium.get(f"{url}/_gatepost/account")
    heading(chromium, "ann")


def test_a_newcomer_signs_in_is_greeted_and_signs_out(demo: Demo, chromium: Chrome) -> None:
    chromium.get(f"{demo.url}/admin")
    heading(chromium, "Who would you like to be?")
    press(chromium, "button[value=alice]")

    heading(chromium, "Hello, Alice Archer")
    assert chromium.current_url == f"{demo.url}/admin"
    shown = wait_for_text(chromium, "main", "alice@example.com")
    assert "admins,staff" in shown
    assert '"iss": ' in shown

    press(chromium, "a", "Back to the tour")
    heading(chromium, "Hello, Alice Archer")
    press(chromium, "a", "Sign out")
    heading(chromium, "Sign out?")
    press(chromium, "button")
    heading(chromium, "You are signed out")

    chromium.get(demo.url)
    heading(chromium, "See what Gatepost does")
    press(chromium, "a", "Sign in as Bob, a member of staff")
    heading(chromium, "Who would you like to be?")
    press(chromium, "button[value=bob]")
    heading(chromium, "Hello, Bob Baker")
    assert chromium.current_url == f"{demo.url}/"
    press(chromium, "a", "This one")
    heading(chromium, "Not allowed")
    wait_for_text(chromium, "main", "signed in as Bob Baker")

    press(chromium, "a", "Use another account")
    heading(chromium, "Who would you like to be?")
    press(chromium, "button[value=alice]")
    heading(chromium, "Hello, Alice Archer")
    assert chromium.current_url == f"{demo.url}/admin"

    press(chromium, "a", "Back to the tour")
    press(chromium, "a", "The administration pages")
    heading(chromium, "Overview")


def test_an_app_on_a_phone_gets_tokens_renews_them_and_is_signed_out(
    demo: Demo, chromium: Chrome
) -> None:
    chromium.get(demo.phone)
    press(chromium, "a", "Sign in")
    heading(chromium, "Who would you like to be?")
    press(chromium, "button[value=alice]")
    heading(chromium, "Signed in")
    first = wait_for_text(chromium, "main", "Remote-User: alice")
    press(chromium, "button", "Renew the tokens")
    heading(chromium, "Signed in")
    assert wait_until(chromium, "document.querySelector('pre').innerText") not in first

    # Its owner ends it, in the browser, which is signed in at the provider already.
    press(chromium, "a", "the account page")
    heading(chromium, "Alice Archer")
    wait_for_text(chromium, "main", "app demo-phone")
    press(chromium, "button", "Sign out")
    wait_until(chromium, "!document.querySelector('main').innerText.includes('app demo-phone')")
    chromium.get(demo.phone)
    press(chromium, "button", "Renew the tokens")
    wait_for_text(chromium, ".note", "not one of this gateway's")


def test_an_assistant_calls_the_tools_that_the_rules_allow(demo: Demo, chromium: Chrome) -> None:
    chromium.get(demo.assistant)
    press(chromium, "a", "Connect")
    heading(chromium, "Who would you like to be?")
    press(chromium, "button[value=bob]")
    heading(chromium, "Allow Demo assistant?")
    press(chromium, "button[value=allow]")
    heading(chromium, "Connected")
    shown = wait_for_text(chromium, "main", "oauth-protected-resource/mcp")
    assert '"registration_endpoint"' not in shown

    press(chromium, "button[value=who_am_i]")
    wait_for_text(chromium, "main", "You are bob.")
    press(chromium, "button[value=delete_everything]")
    wait_for_text(chromium, ".note", "The gateway refuses")
    assert "has deleted everything" not in chromium.page_source

    # Signed out everywhere, and so is the assistant.
    chromium.get(f"{demo.url}/_gatepost/account")
    press(chromium, "button[value=all]")
    chromium.get(demo.assistant)
    press(chromium, "button[value=who_am_i]")
    wait_for_text(chromium, ".note", "The gateway refuses")
