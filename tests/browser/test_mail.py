"""Forgotten password, invitation and another address, in a real browser and by real mails."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.test_local_accounts import fill
from tests.fixtures.accounts import PASSWORD, command
from tests.fixtures.chromium import heading, press, wait_for_text
from tests.fixtures.gateway import GatewayProcess
from tests.fixtures.mail import Mailbox
from tests.fixtures.processes import wait_until

NEW = "velvet trombone glacier"


@pytest.fixture
def mailbox(mail_server: Callable[..., Mailbox]) -> Mailbox:
    return mail_server()


@pytest.fixture
def gateway(start_standalone: Callable[..., Any], mailbox: Mailbox) -> Any:
    """A gateway that sends mails."""
    smtp = {"url": f"smtp://{mailbox.address}", "from": "Notes <notes@example.com>"}
    return start_standalone(smtp=smtp)


def link(gateway: GatewayProcess, mailbox: Mailbox, to: str, count: int = 1) -> str:
    wait_until(lambda: len(mailbox.to(to)) >= count, gateway.process, f"a mail to {to}")
    return mailbox.to(to)[-1].link


async def test_from_an_invitation_to_another_address(
    gateway: Any, chromium: Chrome, mailbox: Mailbox
) -> None:
    # In a thread, because the app answers in the event loop.
    await asyncio.to_thread(_walk, gateway, chromium, mailbox)

    complaints = [it["message"] for it in chromium.get_log("browser") if it["level"] == "SEVERE"]
    assert [it for it in complaints if "Content Security Policy" in it] == []


def _walk(gateway: GatewayProcess, chromium: Chrome, mailbox: Mailbox) -> None:
    url = f"http://localhost:{gateway.port}"
    assert command(gateway, "invite", "--email", "ann.lee@a.test").returncode == 0
    invitation = link(gateway, mailbox, "ann.lee@a.test")
    chromium.get(invitation)
    heading(chromium, "Welcome")
    assert chromium.find_element(By.NAME, "username").get_attribute("value") == "ann.lee"
    fill(chromium, username="ann", password="password12")
    press(chromium, "button")
    wait_for_text(chromium, "[role=alert]", "easy to guess")
    fill(chromium, password=PASSWORD)
    press(chromium, "button")
    heading(chromium, "Notes")
    chromium.get(invitation)
    heading(chromium, "This invitation is not valid")

    chromium.get(f"{url}/_gatepost/logout")
    press(chromium, "button")
    heading(chromium, "You are signed out")
    chromium.get(f"{url}/_gatepost/sign-in")
    press(chromium, "a", "Forgot your password?")
    heading(chromium, "Forgot your password?")
    fill(chromium, name="ann.lee@a.test")
    press(chromium, "button")
    heading(chromium, "Look into your mailbox")
    chromium.get(link(gateway, mailbox, "ann.lee@a.test", 2))
    heading(chromium, "Choose a new password")
    fill(chromium, password=NEW)
    press(chromium, "button")
    heading(chromium, "Sign in")
    fill(chromium, username="ann", password=NEW)
    press(chromium, "button")
    heading(chromium, "Notes")

    chromium.get(f"{url}/_gatepost/account")
    heading(chromium, "ann")
    fill(chromium, new_email="ann@b.test")
    press(chromium, "button", "Change the address")
    wait_for_text(chromium, "[role=status]", "on its way to ann@b.test")
    confirm = link(gateway, mailbox, "ann@b.test")

    # The mail is opened where nobody is signed in.
    chromium.delete_all_cookies()
    chromium.get(confirm)
    heading(chromium, "Sign in")
    fill(chromium, username="ann", password=NEW)
    press(chromium, "button", "Sign in")
    heading(chromium, "Confirm your e-mail address")
    press(chromium, "button", "Confirm the address")
    heading(chromium, "ann")
    wait_for_text(chromium, "dl", "ann@b.test")
