"""Two who visit pages in the same words: a client that sends only HTTP, and a browser."""

from http.cookiejar import CookieJar
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import requests
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.reading import Form, Seen, read
from tests.fixtures.chromium import wait_until

NAVIGATES = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}
SAME_ORIGIN = {**NAVIGATES, "Sec-Fetch-Site": "same-origin"}


class Visitor(Protocol):
    """Somebody with a browser."""

    def open(self, path: str) -> None:
        """Go to a path of the gateway, or to a URL, and where it leads."""

    def send(self, button: str = "", value: str = "", /, **fields: str) -> None:
        """Fill in the form that has these fields and the button of this name; send it."""

    def become(self, cookies: CookieJar) -> None:
        """Forget all cookies, and have these."""


class Client:
    """Sends what a browser would; `answer` is what came last."""

    def __init__(self, url: str, device: str = "") -> None:
        self.url = url
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["User-Agent"] = device
        self.answer = requests.Response()

    @property
    def seen(self) -> Seen:
        """What is on the page that was answered last."""
        return read(self.answer.url, self.answer.text)

    def open(self, path: str) -> None:
        self.answer = self.http.get(urljoin(self.url, path), headers=NAVIGATES)

    def send(self, button: str = "", value: str = "", /, **fields: str) -> None:
        form = find_form(self.seen, button, value, fields)
        pressed = [(button, value)] if button else form.buttons[:1]
        kept = [it for it in form.fields if it[0] not in fields]
        data = [*kept, *fields.items(), *((name, it) for name, it in pressed if name)]
        self.answer = self.http.request(form.method, form.action, data=data, headers=SAME_ORIGIN)

    def become(self, cookies: CookieJar) -> None:
        self.http.cookies.clear()
        self.http.cookies.update(cookies)


def find_form(seen: Seen, button: str, value: str, fields: dict[str, str]) -> Form:
    """The form of a page that has the button and the fields."""
    for form in seen.forms:
        has_button = not button or (button, value) in form.buttons
        if has_button and fields.keys() <= form.names:
            return form
    raise AssertionError(f"no form with {button} {value} {sorted(fields)} on: {seen.text}")


# What a person opens by its summary.
OPEN_ALL = "for (const it of document.querySelectorAll('details')) it.open = true;"
_FIND_BUTTON = """
const [button, value, names] = arguments;
const form = [...document.forms].find(it =>
  names.every(name => it.elements[name]) &&
  (!button || [...it.elements].some(e => e.name === button && e.value === value)));
if (!form) return null;
return [...form.querySelectorAll('button')]
  .find(e => !button || (e.name === button && e.value === value));
"""
_FIND_FIELD = """
const [names, name] = arguments;
return [...document.forms].find(it => names.every(n => it.elements[n])).elements[name];
"""


class Surfer:
    """A real browser."""

    def __init__(self, chromium: Chrome, url: str) -> None:
        self.chromium = chromium
        self.url = url

    def open(self, path: str) -> None:
        self.chromium.get(urljoin(self.url, path))

    def send(self, button: str = "", value: str = "", /, **fields: str) -> None:
        names = list(fields)
        self.chromium.execute_script(OPEN_ALL)
        for name, given in fields.items():
            field = self.chromium.execute_script(_FIND_FIELD, names, name)
            field.clear()
            field.send_keys(given)
        element = self.chromium.execute_script(_FIND_BUTTON, button, value, names)
        assert element is not None, self.chromium.find_element(By.TAG_NAME, "body").text
        self.chromium.execute_script("window.isLeft = true")
        element.click()
        wait_until(self.chromium, "!window.isLeft")

    def become(self, cookies: CookieJar) -> None:
        self.chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
        host = urlsplit(self.url).hostname
        for cookie in cookies:
            about = {
                "name": cookie.name,
                "value": cookie.value or "",
                "domain": host,
                "path": cookie.path,
                "httpOnly": True,
            }
            done = self.chromium.execute_cdp_cmd("Network.setCookie", about)
            assert done["success"], cookie
