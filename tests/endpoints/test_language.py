"""The language of the pages, chosen at their foot."""

from urllib.parse import urlencode

import pytest

from gateway.pages import Brand, set_brand
from tests.endpoints.conftest import location

LANGUAGE = "/_gatepost/language"
LOGOUT = "/_gatepost/logout"
COOKIE = "gatepost-language"


@pytest.fixture(autouse=True)
def languages():
    set_brand(Brand(languages=("en", "de", "fr")))
    yield
    set_brand(Brand())


async def choose(browser, site="same-origin", **form):
    sent = ((b"content-type", b"application/x-www-form-urlencoded"),)
    body = urlencode(form).encode()
    return await browser.send("POST", LANGUAGE, body=body, fields=sent, site=site)


def language_of(response):
    language = dict(response.fields)["Content-Language"]
    assert f'<html lang="{language}" dir="ltr">'.encode() in response.body
    return language


@pytest.mark.parametrize(
    ("wanted", "language"), [(b"de-AT,fr;q=0.9", "de"), (b"ja", "en"), (b"es", "en"), (None, "en")]
)
async def test_a_page_has_the_language_the_browser_asks_for(browser, wanted, language):
    fields = () if wanted is None else ((b"accept-language", wanted),)

    assert language_of(await browser.send("GET", LOGOUT, fields=fields)) == language


async def test_the_first_language_is_for_those_who_read_none(browser):
    set_brand(Brand(languages=("de", "en")))

    assert language_of(await browser.send("GET", LOGOUT)) == "de"


async def test_a_choice_counts_more_than_what_the_browser_asks_for(browser):
    response = await choose(browser, language="fr", return_to=f"{LOGOUT}?a=b")

    assert (response.status, location(response)) == (303, f"{LOGOUT}?a=b")
    assert browser.set_cookies == [
        f"{COOKIE}=fr; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000; Secure"
    ]
    german = ((b"accept-language", b"de"),)
    assert language_of(await browser.send("GET", LOGOUT, fields=german)) == "fr"


@pytest.mark.parametrize("chosen", ["ja", "FR", "", "../de", "fr\u00e9", "x" * 4000])
async def test_an_unknown_cookie_counts_as_none(browser, chosen):
    browser.cookies[COOKIE] = chosen

    german = ((b"accept-language", b"de"),)
    assert language_of(await browser.send("GET", LOGOUT, fields=german)) == "de"


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"language": "es"},
        {"language": "../de"},
        {"language": "de", "user": "mallory"},
        {"return_to": "/"},
    ],
)
async def test_nothing_else_can_be_chosen(browser, form):
    response = await choose(browser, **form)

    assert response.status == 400
    assert browser.set_cookies == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
async def test_no_other_site_chooses(browser, site):
    response = await choose(browser, site=site, language="de")

    assert response.status == 403
    assert browser.set_cookies == []


@pytest.mark.parametrize(
    "return_to",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "/%2e%2e//evil.example", ""],
)
async def test_it_leads_to_no_other_site(browser, return_to):
    response = await choose(browser, language="de", return_to=return_to)

    assert (response.status, location(response)) == (303, "/")


async def test_a_page_offers_its_languages_in_their_own_words(browser):
    body = (await browser.send("GET", f"{LOGOUT}?a=%22b%22&c")).body.decode()

    assert f'action="{LANGUAGE}"' in body
    assert f'name="return_to" value="{LOGOUT}?a=%22b%22&amp;c"' in body
    assert 'value="en" lang="en" aria-current="true">English<' in body
    assert 'value="de" lang="de">Deutsch<' in body
    assert "Espa" not in body


async def test_a_page_that_cannot_be_opened_again_offers_none(browser):
    refused = await choose(browser, site="cross-site", language="de")
    once = await browser.send("GET", "/_gatepost/callback/hostile?code=a")

    assert once.status == 400
    for response in (refused, once):
        assert b"<main>" in response.body
        assert LANGUAGE.encode() not in response.body


async def test_one_language_is_no_choice(browser):
    set_brand(Brand(languages=("fr",)))

    response = await browser.send("GET", LOGOUT)

    assert language_of(response) == "fr"
    assert LANGUAGE.encode() not in response.body
