"""Every page against other sites and against markup in whatever people, clients or providers say.

Nothing here needs a browser: the pages are those of `tests.browser.every_page`, met by a client.
"""

from collections.abc import Iterator
from dataclasses import fields
from itertools import product
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests

from tests.browser.every_page import ROWS, Row
from tests.browser.reading import Form
from tests.browser.visitors import NAVIGATES, SAME_ORIGIN, Client
from tests.browser.world import HOSTILE, Names, World, worlds
from tests.e2e.browsing import FromAddress
from tests.fixtures.accounts import PASSWORD
from tests.fixtures.oidc import OidcProvider

# What a browser says of a form of another site, and an old one, and one that says nothing.
FOREIGN = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://other.localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
)
AWAY = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "http:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " https://evil.example/",
    "/.//evil.example/",
    "/x/..//evil.example/",
    "/%09/evil.example/",
    "evil.example",
)
ELSEWHERE = ("mailto:ops@example.com", "https://example.com/imprint", "otpauth://totp/")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, oidc_provider: OidcProvider) -> Iterator[World]:
    with worlds(tmp_path_factory.mktemp("world"), oidc_provider) as begin:
        yield begin(HOSTILE)


@pytest.fixture(scope="module", params=ROWS, ids=lambda it: it.name)
def row(request: pytest.FixtureRequest) -> Row:
    """Each page; of the module, so that all tests of a page come one after the other."""
    found: Row = request.param
    return found


@pytest.fixture(scope="module")
def client(world: World, row: Row) -> Client:
    """Somebody on the page, who came there once for all tests."""
    url = world.small_url if row.is_small else world.url
    visitor = Client(url, world.names.device)
    row.way(world, visitor)
    return visitor


def test_a_page_is_neither_framed_nor_kept_nor_mistaken(client: Client, row: Row) -> None:
    answer = client.answer

    assert (answer.status_code, client.seen.heading[: len(row.heading)]) == (
        row.status,
        row.heading,
    )
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "strict-origin"


def test_markup_in_what_a_page_shows_stays_text(world: World, client: Client, row: Row) -> None:
    seen = client.seen

    shown = "\n".join((seen.text, *seen.values()))
    for field in row.shows:
        assert getattr(world.names, field) in shown, field
    for tag, attributes in seen.elements:
        assert "data-injected" not in attributes
        assert tag != "b"
        assert not [name for name in attributes if name.startswith("on")]
        if tag == "script":
            source = urlsplit(urljoin(client.url, attributes["src"]))
            assert f"{source.scheme}://{source.netloc}" == client.url
            assert source.path.startswith("/_gatepost/")
    for where in (*seen.links, *(it.action for it in seen.forms)):
        # The operator's own and that of an authenticator app, besides ours.
        assert where.startswith((f"{client.url}/", f"{client.url}?", *ELSEWHERE)), where


def test_everything_that_others_choose_is_shown_somewhere() -> None:
    assert {it.name for it in fields(Names)} == {
        "device",
        *(it for row in ROWS for it in row.shows),
    }


def send(client: Client, form: Form, about: dict[str, str], **changed: str) -> requests.Response:
    """What becomes of a form; `changed` takes the place of its values."""
    pressed = [it for it in form.buttons[:1] if it[0]]
    data = [*((name, changed.get(name, value)) for name, value in form.fields), *pressed]
    headers = {"Accept": "text/html", **about}
    return client.http.post(form.action, data=data, headers=headers, allow_redirects=False)


def test_no_form_of_a_page_can_be_sent_by_another_site(client: Client) -> None:
    for form in (it for it in client.seen.forms if it.method == "POST"):
        for about, button in product(FOREIGN, form.buttons):
            form.buttons = [button]
            answer = send(client, form, about)
            assert (answer.status_code, "cross-site" in answer.text) == (403, True), (form, about)


def stays(client: Client, location: str) -> bool:
    """Whether a browser that is redirected to it stays here, whatever it makes of it."""
    tidy = location.replace("\\", "/").translate({9: None, 10: None, 13: None}).strip()
    return urljoin(client.url + "/", tidy).startswith(f"{client.url}/")


def test_no_form_of_a_page_leads_away(client: Client) -> None:
    # Wrong passwords and codes are counted; tests below send right ones.
    for form in (it for it in client.seen.forms if not it.names & {"password", "code"}):
        for name, away in product(form.names & {"return_to", "rd", "next"}, AWAY):
            answer = send(client, form, SAME_ORIGIN, **{name: away})
            assert stays(client, answer.headers.get("Location", "/")), (form, away)


@pytest.mark.parametrize("away", AWAY)
def test_no_page_is_led_away_by_its_address(world: World, away: str) -> None:
    client = world.client()
    for path in ("sign-in", "setup", "logout", "signed-in", "account"):
        url = f"{world.url}/_gatepost/{path}"
        given = {"return_to": away, "rd": away}
        client.answer = client.http.get(url, params=given, headers=NAVIGATES, allow_redirects=False)
        assert stays(client, client.answer.headers.get("Location", "/"))
        kept = [it for form in client.seen.forms for it in form.fields if it[0] == "return_to"]
        asked = (parse_qs(urlsplit(link).query) for link in client.seen.links)
        for where in (
            *(it for _, it in kept),
            *(it for query in asked for it in query.get("return_to", [])),
        ):
            assert stays(client, where), (path, where)


def elsewhere(world: World) -> Client:
    """Somebody at an address from which nothing wrong was sent."""
    client = world.client()
    client.http.mount("http://", FromAddress("127.0.5.1"))
    return client


@pytest.mark.parametrize("away", AWAY)
def test_who_signs_in_is_not_led_away(world: World, away: str) -> None:
    client = elsewhere(world)
    client.open("/_gatepost/sign-in")
    [form] = (it for it in client.seen.forms if "username" in it.names)
    who = {"username": "ann", "password": PASSWORD}
    answer = send(client, form, SAME_ORIGIN, **who, return_to=away)

    assert answer.status_code == 303
    assert stays(client, answer.headers["Location"])


@pytest.mark.parametrize("away", AWAY[:4])
def test_who_enters_a_code_is_not_led_away(world: World, away: str) -> None:
    client = elsewhere(world)
    client.open("/_gatepost/sign-in")
    client.send(username="di", password=PASSWORD)
    [form] = (it for it in client.seen.forms if "code" in it.names)
    code = world.recovery_codes["di"].pop()
    answer = send(client, form, SAME_ORIGIN, code=code, return_to=away)

    assert answer.status_code == 303
    assert stays(client, answer.headers["Location"])
