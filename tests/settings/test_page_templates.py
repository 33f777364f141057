"""The folder of the operator's own templates, and the links on every page."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load
from gateway.settings.page_templates import read_templates, template_problems, values_of

BASE = """
auth_mode: standalone
public_url: https://notes.example.com
upstreams: {app: http://a}
pages:
"""


@pytest.fixture
def read(tmp_path):
    def read_it(written):
        path = tmp_path / "gatepost.yaml"
        path.write_text(f"{BASE}  {{{written}}}\n")
        return load(path, {})

    return read_it


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("sing-in.html", "", 'unknown page "sing-in.html" (did you mean "sign-in.html"?)'),
        ("logout.html", "a\n{% if %}", "logout.html line 2: "),
        ("logout.html", "{{ name | nope }}", "logout.html line 1: No filter named 'nope'"),
        ("logout.html", "\n\n{{ nam }}", 'logout.html line 3: no value "nam"; this page has'),
        ("page.html", '{% extends "gatepost/pag.html" %}', 'no template "gatepost/pag.html"'),
        ("page.html", '{% include "_a.html" %}', 'page.html: there is no template "_a.html"'),
        ("style.css", "a { color: red }</style><script>", "style.css: must not contain </"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(read, tmp_path, name, text, said):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / name).write_text(text)

    with pytest.raises(SettingsError) as caught:
        read("templates: own")

    assert "pages.templates: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "texts",
    [
        {
            "logout.html": '{% extends "gatepost/logout.html" %}'
            "{% block main %}{{ name }}{% endblock %}"
        },
        {"page.html": "{% set mine = brand.name %}{{ mine }} {{ site }} {{ _('Sign in') }}"},
        {"signed-out.html": "{% trans provider=provider %}{{ provider }}{% endtrans %}"},
        {"account.html": "{% for name, section in sections %}{{ section.x | time }}{% endfor %}"},
        {"account-keys.html": "{{ section.rows }} {{ user }} {{ action }}"},
        {"page.html": '{% include "_a.html" %}', "_a.html": "{{ whatever }}"},
        {"style.css": "body { background: white; }"},
        {},
    ],
)
def test_what_is_right_is_taken(texts):
    assert list(template_problems(texts)) == []


def test_the_configuration_depends_on_each_file(read, tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    for name in ("page.html", "style.css", "notes.txt"):
        (folder / name).write_text("")

    found = read("templates: own")

    assert found.settings.pages.templates == folder
    assert {folder, folder / "page.html", folder / "style.css"} <= set(found.files)
    assert folder / "notes.txt" not in found.files


def test_it_is_read_as_browsers_read_it_and_has_an_end(read, tmp_path):
    folder = tmp_path / "own"
    with pytest.raises(SettingsError, match="cannot read"):
        read("templates: own")
    folder.mkdir()
    (folder / "style.css").write_bytes(b"a{}\r\nb{}\r")
    assert read_templates(folder) == {"style.css": "a{}\nb{}\n"}

    for content, said in ((b"\xff", "is not UTF-8"), (b" " * 300_000, "more than 256 KiB")):
        (folder / "style.css").write_bytes(content)
        with pytest.raises(SettingsError, match=said):
            read("templates: own")


def test_a_page_has_the_values_of_all_that_it_is_made_of():
    assert {"providers", "forgot_url", "site"} <= values_of("sign-in.html")
    # Of the page that it extends.
    assert {"client", "code", "asked_at", "question"} <= values_of("device-consent.html")


@pytest.mark.parametrize(
    "written",
    [
        "contact: mailto:ops@example.com",
        "contact: https://example.com/help",
        "contact: /help",
        "links: {Imprint: https://example.com/, Privacy: /privacy?lang=de}",
    ],
)
def test_links_of_every_page(read, written):
    read(written)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("contact: ops@example.com", "contact"),
        ("contact: mailto:ops", "is not an e-mail address"),
        ("contact: 'mailto:ops@example.com?bcc=x@y.test'", "is not an e-mail address"),
        ("contact: 'javascript:alert(1)'", "contact"),
        ("links: {a: 'javascript:alert(1)'}", "links.a"),
        ("links: {a: 'data:text/html,x'}", "links.a"),
        ("links: {a: //evil.test}", "is not a path"),
        ("links: {a: /a/../b}", "is not a path"),
        ("links: {a: /, b: /, c: /, d: /, e: /, f: /, g: /}", "more than 6 links"),
    ],
)
def test_what_is_no_link(read, written, said):
    with pytest.raises(SettingsError) as caught:
        read(written)

    assert said in str(caught.value)
