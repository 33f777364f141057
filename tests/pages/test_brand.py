"""The operator's name, logo and colour on the pages."""

import base64
import hashlib
import re

import pytest

from gateway.pages import Brand, data_url, page_fields, render, set_brand
from gateway.pages.colours import contrast, dark_shades, light_shades
from gateway.settings.pages import MAX_LOGO_BYTES, read_picture

SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"></svg>'


@pytest.fixture(autouse=True)
def as_before():
    yield
    set_brand(Brand())


def page():
    return render("signed-in", site="notes.example.com", name="Ann", home_url="/").decode()


def policy():
    return dict(page_fields("signed-in"))["Content-Security-Policy"]


def test_without_one_it_is_the_host_and_our_mark():
    assert "notes.example.com</p>" in page()
    assert "<svg" in page()
    assert "img-src" not in policy()


def test_name_and_logo_are_on_every_page():
    set_brand(Brand("<Notes & Co>", data_url("image/svg+xml", SVG)))

    text = page()
    assert "&lt;Notes &amp; Co&gt;</p>" in text
    assert "· &lt;Notes &amp; Co&gt;</title>" in text
    assert f'<img src="data:image/svg+xml;base64,{base64.b64encode(SVG).decode()}" alt="">' in text
    assert " img-src data:;" in policy()


def test_the_style_is_still_the_one_that_the_policy_allows():
    set_brand(Brand(colour="#ff8800"))

    style = re.search(r"<style>(.*?)</style>", page(), re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy()
    light, _, dark = style.rpartition("@media (prefers-color-scheme: dark)")
    # Too light to be read on white.
    assert f"--act: {light_shades('#ff8800').act};" in light
    assert "--act: #ff8800;" in dark
    assert f"--focus: {light_shades('#ff8800').act};" in light
    assert "--focus: #ff8800;" in dark


@pytest.mark.parametrize(
    "colour", ["#000000", "#ffffff", "#ff0000", "#ffff00", "#1d5a80", "#777777"]
)
def test_any_colour_can_be_read(colour):
    for shades, card in ((light_shades(colour), "#fffefb"), (dark_shades(colour), "#1e2127")):
        assert contrast(shades.act, card) >= 4.5
        assert contrast(shades.act, shades.ink) >= 4.5


def test_what_can_be_read_stays_as_it_is():
    assert light_shades("#1d5a80").act == "#1d5a80"
    assert dark_shades("#8cc4e8").act == "#8cc4e8"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (SVG, "image/svg+xml"),
        (b"<!-- made by hand --><svg>", "image/svg+xml"),
        (b"\x89PNG\r\n\x1a\n...", "image/png"),
        (b"\xff\xd8\xff\xe0...", "image/jpeg"),
    ],
)
def test_a_picture_is_known_by_its_beginning(tmp_path, content, found):
    (tmp_path / "logo").write_bytes(content)
    assert read_picture(tmp_path / "logo") == (found, content)


@pytest.mark.parametrize(
    "content", [b"", b"<html><svg>", b"GIF89a", b"<svgx>", b"<svg>" + b" " * MAX_LOGO_BYTES]
)
def test_anything_else_is_none(tmp_path, content):
    (tmp_path / "logo").write_bytes(content)
    with pytest.raises(ValueError, match=r"64 KiB|is no SVG"):
        read_picture(tmp_path / "logo")


def test_links_and_contact_are_on_every_page():
    set_brand(Brand(contact="mailto:ops@a.test", links={"<Imprint>": "/imprint"}))

    assert '<a href="mailto:ops@a.test">Contact</a>' in page()
    assert '<a href="/imprint">&lt;Imprint&gt;</a>' in page()


def test_an_own_template_extends_the_one_it_replaces_and_escapes():
    own = {
        "signed-in.html": '{% extends "gatepost/signed-in.html" %}'
        "{% block title %}Mine{% endblock %}",
        "page.html": '{% extends "gatepost/page.html" %}'
        '{% block footer %}{% include "_foot.html" %}{% endblock %}',
        "_foot.html": "<p>Ours: {{ name }}</p>",
    }
    set_brand(Brand(templates=own, more_style=".site { color: #123456; }"))

    text = render("signed-in", site="a.test", name="<Ann>", home_url="/").decode()
    assert "<title>Mine · a.test</title>" in text
    assert "<p>Ours: &lt;Ann&gt;</p>" in text
    # Pages that are not replaced are on the operator's page.html too.
    assert b"<p>Ours: " in render("logout", site="", name="x", provider="", action="", home_url="")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert style.endswith(".site { color: #123456; }")
    assert f"style-src 'sha256-{digest}'" in policy()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("signed-in.html", "a\n{{ name.first.second }}"),
        ("signed-in.html", "a\n{{ 1 // (name | length - 3) }}"),
        ("page.html", "a\n{{ nothing }}"),
    ],
)
def test_a_template_that_fails_gives_our_page_and_a_line_in_the_log(caplog, name, text):
    set_brand(Brand(templates={name: text}))

    assert "You are signed in" in page()
    assert f"(in {name} line 2)" in caplog.text
    assert "Ann" not in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "{{ name.__class__.__mro__[-1].__subclasses__() }}",
        "{{ explanation_of.__globals__ }}",
        "{{ brand.__class__ }}",
    ],
)
def test_a_template_reads_nothing_of_the_gateway_behind_its_values(text):
    set_brand(Brand(templates={"signed-in.html": f"Mine: {text}"}))

    assert "Mine:" not in page()
    assert "You are signed in" in page()
