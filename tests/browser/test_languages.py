"""Pages in a browser, in languages that show what was not marked or does not fit."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.browser import judging
from tests.browser.test_local_accounts import fill
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.chromium import heading, press, wait_until
from tests.fixtures.pseudo_languages import LONG, MIRRORED, MODULE, changed, lengthened, mirrored

CHANGES = {LONG: lengthened, MIRRORED: mirrored}
# What is written as it is: names that people chose, routes, codes, addresses, times.
UNTRANSLATED = """
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode;
  const text = node.data.trim();
  if (node.parentElement.closest('script, style, code, time, data, option, .site, footer'))
    continue;
  if (!node.parentElement.getClientRects().length || !/[a-z]{2}/i.test(text)) continue;
  if (arguments[1].includes(text)) continue;
  if (/^(localhost:|[0-9]|[0-9a-f]+-[0-9a-f]+$)/.test(text)) continue;
  if (!new RegExp(arguments[0]).test(text)) found.push(text);
}
return found;
"""
MARK = {LONG: "[à-ÿÀ-Ý]", MIRRORED: "\u202e"}
CHOSEN = [
    *("Notes", "ann", "ann@example.com", "Chrome on Linux", "127.0.0.1", "local", "acr", "amr"),
    *("everything", "gatepost", "POST /_gatepost/setup"),
]

DESK = {
    "overview": "Overview",
    "accounts": "Accounts",
    "invitations": "Invitations",
    "sessions": "Sessions",
    "routes": "Routes",
    "refusals": "Refusals",
    "explain": "Explain",
    "shadows": "Shadow rules",
    "configuration": "Configuration",
    "journal": "Activity",
}


@pytest.mark.parametrize("language", [LONG, MIRRORED])
async def test_a_gateway_speaks_a_language_made_of_english(
    start_standalone: Callable[..., Any], chromium: Chrome, language: str
) -> None:
    gateway = start_standalone(
        pages={"name": "Notes", "languages": [language, "en"]},
        admins=[{"user": "ann"}],
        module=MODULE,
    )
    [token] = re.findall(r"setup token: (\S+)", gateway.log())
    url = f"http://localhost:{gateway.port}"

    await asyncio.to_thread(_walk, chromium, url, language, token)


def _walk(chromium: Chrome, url: str, language: str, token: str) -> None:
    wrong: list[str] = []

    def see(title: str) -> None:
        heading(chromium, title if title in CHOSEN else changed(title, CHANGES[language]))
        direction = chromium.execute_script("return getComputedStyle(document.body).direction")
        assert direction == ("rtl" if language == MIRRORED else "ltr")
        wrong.extend(
            f"{title}: not translated: {it}"
            for it in chromium.execute_script(UNTRANSLATED, MARK[language], CHOSEN)
        )
        for view in (judging.PHONE, judging.DESK, judging.NARROW):
            judging.look_with(chromium, view)
            wrong.extend(f"{title}: sticks out: {it}" for it in judging.sticking_out(chromium))

    # The test's browser wants English, which is offered too.
    chromium.get(f"{url}/_gatepost/sign-in")
    heading(chromium, "Set up this gateway")
    press(chromium, "footer button", changed(language, CHANGES[language]))
    see("Set up this gateway")
    fill(chromium, token=token, username="ann", email="ann@example.com", password="password12")
    press(chromium, "button")
    see("Set up this gateway")
    fill(chromium, password=PASSWORD)
    press(chromium, "button")
    heading(chromium, "Notes")
    chromium.get(f"{url}/_gatepost/account")
    see("ann")
    for section, title in DESK.items():
        chromium.get(f"{url}/_gatepost/admin/{section}")
        see(title)
    chromium.get(f"{url}/_gatepost/nothing")
    see("Nothing here")
    chromium.get(f"{url}/_gatepost/logout")
    see("Sign out?")
    press(chromium, "footer button", "English")
    heading(chromium, "Sign out?")
    assert wait_until(chromium, "document.documentElement.lang") == "en"
    assert not wrong, "\n".join(wrong)
