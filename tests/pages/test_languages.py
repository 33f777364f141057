"""The catalogues have every text of the pages, and pages say the same in every language."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gateway.pages import translations
from gateway.settings.pages import LANGUAGES
from scripts.languages import faults, source_of, texts
from tests.pages.test_template import HOSTILE, PAGES, Outline, rendered

HTML = Path(translations.__file__).parent / "html"
OTHERS = [it for it in LANGUAGES if it != translations.SOURCE]
TEMPLATES = sorted(it for it in HTML.glob("*.html") if not it.stem.startswith("demo-"))
_MARKED = re.compile(r"{%-?\s*trans\b.*?endtrans\s*-?%}", re.DOTALL)
_CODE = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
# What people see or hear of a tag.
_SHOWN = ("alt", "aria-label", "placeholder", "title")


@pytest.fixture(scope="module")
def wanted():
    return texts()


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_compiled(language, wanted):
    """If this fails, run `make languages` and translate what it names."""
    assert list(faults(language, wanted)) == []


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('msgstr "Passwort"', 'msgstr ""', "not translated: 'Password'"),
        ('msgid "Password"\n', 'msgid "Pass word"\n', "not in the sources: 'Pass word'"),
        ('msgid "Password"', '#, fuzzy\nmsgid "Password"', "not translated: 'Password'"),
        ("<strong>%(client)s</strong> erlauben?", "%(client)s erlauben?", "other placeholders"),
        ("%(client)s erlauben?", "%(person)s erlauben?", "other placeholders"),
        ('msgstr "Passwort"', 'msgstr "Kennwort"', "older than its source"),
    ],
)
def test_what_is_wrong_with_a_catalogue_is_found(
    before, after, fault, wanted, tmp_path, monkeypatch
):
    right = source_of("de")
    monkeypatch.setattr("scripts.languages.FOLDER", tmp_path)
    place = source_of("de").parent
    place.mkdir(parents=True)
    (place / "gatepost.mo").write_bytes(right.with_suffix(".mo").read_bytes())
    text = right.read_text("utf-8")
    assert before in text
    (place / "gatepost.po").write_text(text.replace(before, after), "utf-8")

    assert any(fault in it for it in faults("de", wanted))


class Unmarked(HTMLParser):
    """Texts of a template that nobody can translate."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [it for name, it in attrs if name in _SHOWN and re.search("[A-Za-z]{2}", it)]

    def handle_data(self, data):
        if re.search("[A-Za-z]{2}", data):
            self.found.append(data.strip())


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda it: it.stem)
def test_every_text_of_a_template_is_marked(template):
    text = _CODE.sub("", _MARKED.sub("", template.read_text("utf-8")))
    parser = Unmarked()
    # Some are parts of a tag.
    parser.feed(text if text.lstrip().startswith("<") else f"<p {text}>")

    assert parser.found == []


@pytest.mark.parametrize("template", sorted(HTML.glob("*.html")), ids=lambda it: it.stem)
def test_only_literals_are_marked(template):
    """Jinja takes what `_()` is given for HTML, so a person's own words would not be escaped."""
    calls = re.findall(r"\b(?:_|n?gettext)\((.)", template.read_text("utf-8"))

    assert set(calls) <= {'"'}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_the_same_in_every_language(name, language):
    """Nothing that stands in a translated text becomes markup."""
    english, other = Outline(), Outline()
    english.feed(rendered(name))
    other.feed(rendered(name, language))

    assert ("html", {"lang": language, "dir": "ltr"}) in other.tags
    assert sorted(other.names()) == sorted(english.names())
    assert HOSTILE not in rendered(name, language)


@pytest.mark.parametrize(
    ("tag", "direction"), [("de", "ltr"), ("ar", "rtl"), ("ar-XB", "rtl"), ("he", "rtl")]
)
def test_the_direction_is_that_of_the_language(tag, direction):
    assert translations.direction(tag) == direction
