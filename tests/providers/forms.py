"""Fills in the forms of any provider, as a person with a browser would."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import aiohttp

MAX_STEPS = 30
_HTML = {"Accept": "text/html", "Accept-Language": "en"}
_ANSWERED = frozenset({"text", "email", "password", "checkbox", "radio"})


@dataclass(slots=True)
class Form:
    """One form of a page: what it sends unless somebody fills it in, and what can be filled in."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)
    open_fields: set[str] = field(default_factory=set)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(found.get("action", ""), found.get("method", "get").upper()))
        elif tag in {"input", "button"} and self.forms and found.get("name"):
            self._add(tag, found)

    def _add(self, tag: str, found: Mapping[str, str]) -> None:
        form, name, value = self.forms[-1], found["name"], found.get("value", "")
        kind = found.get("type", "submit" if tag == "button" else "text")
        if kind == "submit":
            form.buttons.append((name, value))
        elif kind in _ANSWERED:
            form.open_fields.add(name)
            if kind not in {"checkbox", "radio"} or "checked" in found:
                form.fields[name] = value
        else:
            form.fields[name] = value


def forms_of(page: str) -> list[Form]:
    """The forms of an HTML page."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def filled(form: Form, answers: Mapping[str, str]) -> dict[str, str]:
    """What a browser sends, with the button that `answers` names or the first one."""
    known = {name: value for name, value in answers.items() if name in form.open_fields}
    named = [(name, value) for name, value in form.buttons if answers.get(name) == value]
    return {**form.fields, **dict((named or form.buttons)[:1]), **known}


def chosen(page: str, answers: Mapping[str, str]) -> Form | None:
    """The form that has most of what `answers` can fill in; None where the page has no form."""
    posts = [form for form in forms_of(page) if form.method == "POST"]
    return max(posts, key=lambda form: len(form.open_fields & answers.keys()), default=None)


async def walk(
    session: aiohttp.ClientSession, url: str, answers: Mapping[str, str], until: str
) -> str:
    """Follow redirects and fill in forms from `url` on; the first URL of the origin `until`.

    That URL is not fetched.

    Raises:
        AssertionError: A page has no form to go on with.
    """
    method, form = "GET", None
    for _ in range(MAX_STEPS):
        if origin_of(url) == until:
            return url
        async with session.request(
            method, url, data=form, headers=_HTML, allow_redirects=False
        ) as response:
            page = await response.text()
            location = response.headers.get("Location")
        method, form = "GET", None
        if location is not None:
            url = urljoin(url, location)
            continue
        found = chosen(page, answers)
        assert found is not None, f"{url} answered {response.status}: {text_of(page)}"
        url, method, form = urljoin(url, found.action), "POST", filled(found, answers)
    raise AssertionError(f"the provider did not send the browser back, it stands at {url}")


def text_of(page: str) -> str:
    """What a person reads on a page, for messages of tests."""
    shown = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]+>", " ", page)
    return " ".join(shown.split())[:2000]


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
