"""A new API key is copied by a button, which says so."""

import asyncio
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.fixtures.accounts import PASSWORD, add
from tests.fixtures.chromium import press, wait_for_text


async def test_a_new_key_is_copied_and_so_is_the_command(
    chromium: Chrome, start_standalone: Any
) -> None:
    gateway = start_standalone(api_keys={})
    await asyncio.to_thread(add, gateway, "ann")

    def visit() -> tuple[str, list[str], list[Any]]:
        origin = gateway.base_url.replace("127.0.0.1", "localhost")
        # All others are refused.
        both = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        may = {"permissions": both, "origin": origin}
        chromium.execute_cdp_cmd("Browser.grantPermissions", may)
        chromium.get(f"{origin}/_gatepost/sign-in?return_to=/_gatepost/account")
        chromium.find_element(By.ID, "username").send_keys("ann")
        chromium.find_element(By.ID, "password").send_keys(PASSWORD)
        press(chromium, "button")
        wait_for_text(chromium, "h1", "ann")
        chromium.find_element(By.ID, "key_name").send_keys("laptop")
        press(chromium, "button[name=create_key]")
        key = wait_for_text(chromium, "#made_key", "gp_")
        copied = []
        for what in ("made_key", "made_curl"):
            chromium.find_element(By.CSS_SELECTOR, f"button[data-copy={what}]").click()
            wait_for_text(chromium, f"button[data-copy={what}] + [role=status]", "Copied.")
            read = "navigator.clipboard.readText().then(arguments[0])"
            copied.append(chromium.execute_async_script(read))
        return key, copied, chromium.get_log("browser")

    key, copied, messages = await asyncio.to_thread(visit)

    assert copied[0] == key
    assert copied[1].startswith(f"curl -H 'X-API-Key: {key}' http")
    assert messages == []
