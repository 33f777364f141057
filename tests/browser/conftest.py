"""A real Chromium, driven over WebDriver."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from tests.fixtures.processes import require_tool

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--window-size=1000,900",
)


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[Chrome]:
    """A browser with an empty profile; nothing it does leaves this machine."""
    options = ChromeOptions()
    options.binary_location = require_tool("chromium")
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(require_tool("chromedriver")))
    driver.set_page_load_timeout(20)
    yield driver
    driver.quit()
