"""Passkeys in a real browser: added and used with the keyboard alone, without a user name."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.common.virtual_authenticator import (
    Protocol,
    Transport,
    VirtualAuthenticatorOptions,
)

from tests.e2e.test_passkeys import turn_on_second_factor
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.chromium import heading, press, wait_for_text, wait_until


@pytest.fixture
async def gateway(start_standalone: Callable[..., Any], request: pytest.FixtureRequest) -> Any:
    """A gateway; a test may give the path of its public URL."""
    gateway = start_standalone(getattr(request, "param", ""))
    await asyncio.to_thread(add, gateway, "ann", "bob")
    return gateway


def add(gateway: Any, *users: str) -> None:
    from gateway.cli.opened import load_settings, with_kept
    from gateway.credentials.local_accounts import NewPerson

    async def run(kept: Any) -> None:
        for user in users:
            await kept.local.accounts.add(
                *await kept.local.accounts.ready(NewPerson(user), PASSWORD)
            )

    with_kept(load_settings(gateway.config_path), run)


def plug_in(chromium: Chrome) -> None:
    """A new authenticator in the place of any other, which always finds its owner."""
    if chromium.virtual_authenticator_id is not None:
        chromium.remove_virtual_authenticator()
    options = VirtualAuthenticatorOptions(
        protocol=Protocol.CTAP2,
        transport=Transport.INTERNAL,
        has_resident_key=True,
        has_user_verification=True,
        is_user_verified=True,
    )
    chromium.add_virtual_authenticator(options)


def without_autofill(chromium: Chrome) -> None:
    """Be a browser that offers no passkeys where it fills in user names.

    With a virtual authenticator, Chromium takes the first that it could offer, as if its user had.
    """
    source = "PublicKeyCredential.isConditionalMediationAvailable = async () => false;"
    chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": source})


def type_password(chromium: Chrome, url: str, user: str) -> None:
    chromium.get(f"{url}/_gatepost/sign-in")
    heading(chromium, "Sign in")
    chromium.find_element(By.NAME, "username").send_keys(user)
    chromium.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(chromium, "button")
    heading(chromium, "Notes")


def tab_to(chromium: Chrome, label: str) -> None:
    """Press Tab until the button with the label has the focus."""
    for _ in range(40):
        chromium.switch_to.active_element.send_keys(Keys.TAB)
        if chromium.switch_to.active_element.text == label:
            return
    pytest.fail(f"no Tab leads to {label!r}")


def add_passkey(chromium: Chrome, url: str, name: str) -> None:
    chromium.get(f"{url}/_gatepost/account")
    wait_until(chromium, "document.querySelector('[data-passkey]:not([hidden])')")
    tab_to(chromium, "Add a passkey")
    chromium.find_element(By.ID, "passkey_name").send_keys(name)
    chromium.find_element(By.ID, "passkey_name").send_keys(Keys.TAB, Keys.ENTER)
    wait_for_text(chromium, "form button[name=remove_passkey]", "Remove")


def sign_out(chromium: Chrome, url: str) -> None:
    chromium.get(f"{url}/_gatepost/logout")
    press(chromium, "button")
    heading(chromium, "You are signed out")


def use_passkey(chromium: Chrome, url: str) -> None:
    """Sign in with the keyboard alone, to a page with a fragment."""
    chromium.get(f"{url}/deep#there")
    heading(chromium, "Sign in")
    wait_until(chromium, "document.querySelector('[data-passkey]:not([hidden])')")
    tab_to(chromium, "Sign in with a passkey")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)


def whoami(chromium: Chrome, url: str) -> Any:
    script = "return fetch(arguments[0]).then((it) => it.json())"
    return chromium.execute_script(script, f"{url}/_gatepost/whoami")


@pytest.mark.parametrize("gateway", ["", "/notes"], indirect=True)
async def test_a_passkey_from_its_first_day_to_its_last(
    gateway: Any, chromium: Chrome, request: pytest.FixtureRequest
) -> None:
    url = f"http://localhost:{gateway.port}{request.node.callspec.params['gateway']}"

    # In a thread, because the app answers in the event loop.
    await asyncio.to_thread(_walk, chromium, url)

    complaints = [it["message"] for it in chromium.get_log("browser") if it["level"] == "SEVERE"]
    assert [it for it in complaints if "Content Security Policy" in it] == []


def _walk(chromium: Chrome, url: str) -> None:
    plug_in(chromium)
    without_autofill(chromium)
    type_password(chromium, url, "ann")
    add_passkey(chromium, url, "Ann's laptop")
    assert "Ann's laptop" in chromium.page_source
    sign_out(chromium, url)

    use_passkey(chromium, url)
    heading(chromium, "Notes")
    assert chromium.current_url == f"{url}/deep#there"
    who = whoami(chromium, url)
    assert (who["user"], who["provider"]) == ("ann", "local")

    # The same device has one passkey for one account.
    chromium.get(f"{url}/_gatepost/account")
    press_add(chromium)
    wait_for_text(chromium, "[data-passkey] [role=alert]", "already has a passkey")
    sign_out(chromium, url)

    ann = chromium.virtual_authenticator_id
    plug_in(chromium)
    assert chromium.virtual_authenticator_id != ann
    type_password(chromium, url, "bob")
    add_passkey(chromium, url, "")
    assert "Chrome on Linux" in chromium.page_source
    sign_out(chromium, url)
    use_passkey(chromium, url)
    heading(chromium, "Notes")
    assert whoami(chromium, url)["user"] == "bob"

    chromium.get(f"{url}/_gatepost/account")
    press(chromium, "button[name=remove_passkey]")
    heading(chromium, "bob")
    assert chromium.find_elements(By.NAME, "remove_passkey") == []
    sign_out(chromium, url)
    use_passkey(chromium, url)
    wait_for_text(chromium, "[data-passkey] [role=alert]", "unknown here")


def press_add(chromium: Chrome) -> None:
    wait_until(chromium, "document.querySelector('[data-passkey]:not([hidden])')")
    chromium.find_element(By.CSS_SELECTOR, "[data-passkey] button").click()


# Notes what the page sends, and keeps it from being sent.
CAPTURE = """
const ask = window.fetch;
window.sent = null;
window.fetch = (path, how) => {
  if (!String(path).endsWith('/sign-in/passkey')) return ask(path, how);
  window.sent = how.body;
  return new Promise(() => {});
};
"""


async def test_a_captured_response_is_good_once_here_and_nowhere_else(
    gateway: Any, chromium: Chrome
) -> None:
    await asyncio.to_thread(_capture, chromium, f"http://localhost:{gateway.port}")


def _capture(chromium: Chrome, url: str) -> None:
    plug_in(chromium)
    without_autofill(chromium)
    type_password(chromium, url, "ann")
    add_passkey(chromium, url, "")
    sign_out(chromium, url)
    chromium.get(f"{url}/_gatepost/sign-in")
    wait_until(chromium, "document.querySelector('[data-passkey]:not([hidden])')")
    chromium.execute_script(CAPTURE)
    tab_to(chromium, "Sign in with a passkey")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)
    body = wait_until(chromium, "window.sent")

    same = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    kept = {it["name"]: it["value"] for it in chromium.get_cookies()}

    def post(fields: dict[str, str], cookies: dict[str, str]) -> Any:
        return requests.post(
            f"{url}/_gatepost/sign-in/passkey", data=body, headers=fields, cookies=cookies
        )

    assert post({**same, "Sec-Fetch-Site": "cross-site"}, kept).status_code == 403
    assert post(same, {}).json()["reason"] == "passkey-expired"
    assert post(same, kept).status_code == 200
    # Chromium's authenticator counts, so the second use is told by its counter too.
    assert post(same, kept).status_code in (400, 401)


async def test_a_browser_fills_in_a_passkey_like_a_user_name(
    gateway: Any, chromium: Chrome
) -> None:
    await asyncio.to_thread(_fill_in, chromium, f"http://localhost:{gateway.port}")


def _fill_in(chromium: Chrome, url: str) -> None:
    plug_in(chromium)
    type_password(chromium, url, "ann")
    add_passkey(chromium, url, "")
    sign_out(chromium, url)

    chromium.get(f"{url}/deep#there")

    wait_for_text(chromium, "h1", "Notes")
    assert chromium.current_url == f"{url}/deep#there"
    assert whoami(chromium, url)["user"] == "ann"


async def test_a_page_of_another_origin_gets_no_response(gateway: Any, chromium: Chrome) -> None:
    await asyncio.to_thread(_phish, chromium, gateway.port)


# A page that knows what the gateway asks, and asks the browser for the same.
PHISH = """
return navigator.credentials
  .get({publicKey: {challenge: new Uint8Array(32), rpId: 'localhost'}})
  .then(() => 'a response', (error) => error.name);
"""


def _phish(chromium: Chrome, port: int) -> None:
    plug_in(chromium)
    type_password(chromium, f"http://localhost:{port}", "ann")
    add_passkey(chromium, f"http://localhost:{port}", "")

    chromium.get(f"http://127.0.0.1:{port}/_gatepost/sign-in")
    assert chromium.execute_script(PHISH) == "SecurityError"


async def test_a_passkey_takes_the_place_of_a_code(gateway: Any, chromium: Chrome) -> None:
    url = f"http://localhost:{gateway.port}"
    await asyncio.to_thread(_instead_of_a_code, chromium, url, gateway)


def _instead_of_a_code(chromium: Chrome, url: str, gateway: Any) -> None:
    plug_in(chromium)
    without_autofill(chromium)
    type_password(chromium, url, "ann")
    add_passkey(chromium, url, "")
    sign_out(chromium, url)
    turn_on_second_factor(gateway, "ann")

    chromium.get(f"{url}/deep#there")
    heading(chromium, "Sign in")
    chromium.find_element(By.NAME, "username").send_keys("ann")
    chromium.find_element(By.NAME, "password").send_keys(PASSWORD)
    press(chromium, "button")
    heading(chromium, "Enter a code")
    wait_until(chromium, "document.querySelector('[data-passkey]:not([hidden])')")
    tab_to(chromium, "Use a passkey instead")
    chromium.switch_to.active_element.send_keys(Keys.ENTER)

    heading(chromium, "Notes")
    assert chromium.current_url == f"{url}/deep#there"
