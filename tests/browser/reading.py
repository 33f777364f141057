"""Reads a page as a browser without scripts does: its text, its links and its forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

_NOT_SHOWN = ("style", "script", "title")
_BLOCKS = ("p", "li", "h1", "h2", "h3", "div", "dt", "dd", "label", "button", "option", "td", "th")


@dataclass(slots=True)
class Form:
    """A form.

    Attributes:
        fields: Names and values of what is sent whichever button is pressed.
        buttons: Names and values of its buttons; both may be "".
    """

    action: str
    method: str
    media_type: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """Of its fields."""
        return {name for name, _ in self.fields}


@dataclass(slots=True)
class Seen:
    """What is on a page."""

    url: str
    text: str = ""
    title: str = ""
    heading: str = ""
    forms: list[Form] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def values(self) -> list[str]:
        """The values of all attributes."""
        return [value for _, attributes in self.elements for value in attributes.values()]


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.seen = Seen(url)
        self._open: list[str] = []
        self._select = ""
        self._is_text_wanted = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.seen.elements.append((tag, attributes))
        self._open.append(tag)
        if tag in _BLOCKS:
            self.seen.text += "\n"
        match tag:
            case "a":
                self.seen.links.append(urljoin(self.seen.url, attributes.get("href", "")))
            case "form":
                self._begin_form(attributes)
            case "input" | "textarea":
                self._add_field(attributes)
            case "select":
                self._select = attributes.get("name", "")
            case "option" if self._select and self.seen.forms:
                self._add_option(attributes)
            case "button" if self.seen.forms and attributes.get("type") != "button":
                named = attributes.get("name", ""), attributes.get("value", "")
                self.seen.forms[-1].buttons.append(named)

    def _begin_form(self, attributes: dict[str, str]) -> None:
        action = urljoin(self.seen.url, attributes.get("action", ""))
        media_type = attributes.get("enctype", "application/x-www-form-urlencoded")
        self.seen.forms.append(Form(action, attributes.get("method", "get").upper(), media_type))

    def _add_field(self, attributes: dict[str, str]) -> None:
        is_unticked = attributes.get("type") == "checkbox" and "checked" not in attributes
        if self.seen.forms and "name" in attributes and not is_unticked:
            found = attributes["name"], attributes.get("value", "")
            self.seen.forms[-1].fields.append(found)

    def _add_option(self, attributes: dict[str, str]) -> None:
        # The first option is chosen unless the page or somebody chooses.
        form = self.seen.forms[-1]
        if "selected" in attributes:
            form.fields = [it for it in form.fields if it[0] != self._select]
        if self._select not in form.names:
            self._is_text_wanted = "value" not in attributes
            form.fields.append((self._select, attributes.get("value", "")))

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if "title" in self._open:
            self.seen.title += data
        if any(tag in self._open for tag in _NOT_SHOWN):
            return
        self.seen.text += data
        if "h1" in self._open:
            self.seen.heading += data
        if self._is_text_wanted and self._open[-1] == "option":
            self.seen.forms[-1].fields[-1] = (self._select, data.strip())
            self._is_text_wanted = False


def read(url: str, page: str) -> Seen:
    """What is on the page at `url`."""
    reader = _Reader(url)
    reader.feed(page)
    reader.close()
    return reader.seen
