"""A gateway speaks the language of its visitors."""

import json
import subprocess
import sys

import pytest
import requests

from tests.fixtures.accounts import PASSWORD, add
from tests.fixtures.pseudo_languages import LONG, MIRRORED, MODULE

HEADING = {
    "en": "<h1>Nothing here</h1>",
    "de": "<h1>Hier ist nichts</h1>",
    "fr": "<h1>Il n\u2019y a rien ici</h1>",
    "es": "<h1>Aquí no hay nada</h1>",
}
ROUTES = [{"name": "notes", "prefix": "/notes", "upstream": "app", "access": "public"}]


@pytest.fixture
def gateway(gateway_process, echo_app):
    return gateway_process({"upstreams": {"app": {"url": echo_app}}, "routes": ROUTES})


def open_page(gateway, wanted=None, cookie=None, path="/none"):
    fields = {"Accept": "text/html"}
    fields |= {} if wanted is None else {"Accept-Language": wanted}
    fields |= {} if cookie is None else {"Cookie": cookie}
    answer = requests.get(f"{gateway.base_url}{path}", headers=fields, timeout=30)
    answer.encoding = "utf-8"
    return answer


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr-CA", "fr"), ("nl,es;q=0.1", "es"), ("nl", "en")],
)
def test_a_browser_gets_its_language(gateway, wanted, language):
    answer = open_page(gateway, wanted)

    assert answer.status_code == 404
    assert answer.headers["Content-Language"] == language
    assert HEADING[language] in answer.text


def test_a_choice_lasts_and_the_app_is_not_told(gateway):
    visitor = requests.Session()
    visitor.headers.update({"Accept": "text/html", "Accept-Language": "fr"})
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
    form = {"language": "de", "return_to": "/none?a=b"}
    chosen = visitor.post(f"{gateway.base_url}/_gatepost/language", form, headers=own, timeout=30)

    assert chosen.url == f"{gateway.base_url}/none?a=b"
    assert HEADING["de"] in chosen.text
    assert visitor.cookies["gatepost-language"] == "de"
    visitor.cookies["theme"] = "dark"
    told = visitor.get(f"{gateway.base_url}/notes", timeout=30).json()
    assert "theme=dark" in json.dumps(told)
    assert "gatepost-language" not in json.dumps(told)


def test_problem_documents_stay_english(gateway):
    fields = {"Accept": "application/json", "Accept-Language": "de"}
    answer = requests.get(f"{gateway.base_url}/none", headers=fields, timeout=30)

    assert "Content-Language" not in answer.headers
    assert answer.json()["title"] == "Nothing here"


def test_a_huge_or_strange_wish_is_answered_in_the_default_language(gateway_process, echo_app):
    gateway = gateway_process(
        {
            "upstreams": {"app": {"url": echo_app}},
            "routes": ROUTES,
            "server": {"limits": {"head_bytes": "128KiB"}},
            "pages": {"languages": ["es", "en"]},
        }
    )

    for wanted in ("de;q=0.9," * 7000, "../../../etc/passwd", "en" * 30000, "<script>", "de\t;q"):
        assert HEADING["es"] in open_page(gateway, wanted).text
        assert HEADING["es"] in open_page(gateway, cookie=f"gatepost-language={wanted}").text
    assert HEADING["en"] in open_page(gateway, "en").text


def test_what_a_person_enters_stays_text_in_a_translated_page(start_standalone):
    gateway = start_standalone()
    hostile = "<b>%(name)s</b>"
    add(gateway, "ann")
    visitor = requests.Session()
    visitor.headers.update(
        {"Accept": "text/html", "Accept-Language": "de", "Sec-Fetch-Site": "none"}
    )
    own = {"Sec-Fetch-Site": "same-origin"}
    sign_in = {"username": "ann", "password": PASSWORD, "return_to": "/_gatepost/account"}
    url = f"{gateway.base_url}/_gatepost"
    page = visitor.post(f"{url}/sign-in", sign_in, headers=own, timeout=30)
    assert "<h2" in page.text
    wrong = {"old_password": PASSWORD, "new_password": "12345678901"}
    page = visitor.post(f"{url}/account", wrong, headers=own, timeout=30)

    assert "Das Passwort wurde nicht geändert: Dieses Passwort ist leicht zu erraten. " in page.text
    refused = visitor.post(
        f"{url}/sign-in", {**sign_in, "username": hostile, "password": "x"}, headers=own, timeout=30
    )
    assert "Benutzername oder Passwort ist falsch." in refused.text
    assert hostile not in refused.text
    assert "&lt;b&gt;%(name)s&lt;/b&gt;" in refused.text


def test_an_unknown_language_is_an_error_that_lists_them(gateway, tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(gateway.config_path.read_text() + "\npages: {languages: [de, nl]}\n")
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "-c", str(wrong)], capture_output=True, text=True
    )

    assert done.returncode != 0
    assert '"nl" is none of the pages\' languages: en, de, fr, es' in done.stdout + done.stderr


def test_the_pseudo_languages_are_served_by_a_gateway(gateway_process, echo_app):
    gateway = gateway_process(
        {
            "upstreams": {"app": {"url": echo_app}},
            "routes": ROUTES,
            "pages": {"languages": [LONG, MIRRORED]},
        },
        module=MODULE,
    )

    assert f'<html lang="{LONG}" dir="ltr">' in open_page(gateway).text
    assert f'<html lang="{MIRRORED}" dir="rtl">' in open_page(gateway, MIRRORED).text
