"""Forms that are sent when the session is over, as exact bytes: kept in the page, or refused."""

import html
import re
from urllib.parse import urlencode

import pytest

from gateway.pipeline.kept_form import MAX_KEPT_BYTES
from tests.dataplane.harness import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ENDED = f"Cookie: gatepost={'A' * 64}"
OWN = ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: navigate"]
URLENCODED = "Content-Type: application/x-www-form-urlencoded"
FIELDS = [("title", 'Owls & <b>"friends"</b>'), ("text", "one\r\ntwo"), ("tag", "a"), ("tag", "b")]
STEP_UP = {"name": "pay", "prefix": "/pay", "access": {"allow": [{"max_age": "1s"}]}}


@pytest.fixture
def serve(gateway, raw_upstream):
    """Start a gateway and its app: ``running, app = await serve(route…)``."""

    async def start(*routes):
        app = await raw_upstream(OK)
        everything = {"name": "all", "prefix": "/", "access": "signed_in"}
        return await gateway(app.url, routes=[*routes, everything]), app

    return start


def post(body, *lines, target="/notes?a=b", length=True):
    sized = [f"Content-Length: {len(body)}"] if length else []
    return request(target, *lines, *sized, method="POST") + body


def kept(page):
    """The hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page)
    return [(html.unescape(name), html.unescape(value)) for name, value in found]


@pytest.mark.parametrize("cookie", [[ENDED], []], ids=["ended", "gone from the browser"])
@pytest.mark.parametrize(
    "sender",
    [OWN, ["Accept: text/html"], ["Accept: text/html", "Origin: http://app.test"]],
    ids=["Fetch Metadata", "Accept", "Origin"],
)
async def test_a_form_comes_back_in_the_page_and_the_connection_goes_on(serve, cookie, sender):
    running, app = await serve()
    client = await running.client()
    body = urlencode(FIELDS).encode()
    signed_in = (await running.sign_in()).strip()

    # The next request is there already, as a pipelining proxy sends it.
    await client.send(post(body, *cookie, *sender, URLENCODED) + request("/", signed_in))
    answer, after = await client.response(), await client.response()

    page = answer.body.decode()
    assert (answer.status, answer.all(b"location")) == (401, [])
    assert answer.all(b"www-authenticate") == [
        b'Gatepost sign_in="http://app.test/_gatepost/sign-in"'
    ]
    assert answer.all(b"cache-control") == [b"no-store"]
    assert bool(answer.all(b"set-cookie")) == bool(cookie)
    assert kept(page) == FIELDS
    assert "<b>" not in page
    assert 'href="/_gatepost/sign-in?return_to=/_gatepost/signed-in" target="_blank"' in page
    # Without an action it goes to where it came from (HTML, section 4.10.22.3).
    assert '<form method="post" enctype="application/x-www-form-urlencoded">' in page
    assert (after.status, after.body) == (200, b"ok")
    assert [head.split(b" ")[0] for head in app.heads] == [b"GET"]


async def test_a_form_waits_to_be_asked_for_where_it_says_so(serve):
    running, _ = await serve()
    client = await running.client()
    body = urlencode(FIELDS).encode()

    await client.send(
        post(
            b"",
            ENDED,
            *OWN,
            URLENCODED,
            f"Content-Length: {len(body)}",
            "Expect: 100-continue",
            length=False,
        )
    )
    assert (await client.head()).status == 100
    await client.send(body)

    assert kept((await client.response()).body.decode()) == FIELDS


async def test_files_are_said_to_be_lost(serve):
    running, _ = await serve()
    disposition = 'Content-Disposition: form-data; name="{}"'
    body = "\r\n".join(
        [
            "--xx",
            disposition.format("title"),
            "",
            "Owls",
            "--xx",
            disposition.format("photo") + '; filename="owl <1>.png"',
            "Content-Type: image/png",
            "",
            "\x89PNG",
            "--xx--",
            "",
        ]
    ).encode()

    answer = await running.ask(post(body, *OWN, "Content-Type: multipart/form-data; boundary=xx"))

    page = answer.body.decode()
    assert answer.status == 401
    assert kept(page) == [("title", "Owls")]
    assert "Files cannot be kept" in page
    assert "owl &lt;1&gt;.png" in page
    assert '<input type="file" id="file-1" name="photo">' in page
    assert 'enctype="multipart/form-data"' in page


def chunked(body):
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


BIG = b"a=" + b"x" * (MAX_KEPT_BYTES - 2)


@pytest.mark.parametrize(
    ("data", "is_kept"),
    [
        (post(BIG, *OWN, URLENCODED), True),
        (post(BIG + b"x", *OWN, URLENCODED), False),
        (post(b"x" * 2_000_000, *OWN, URLENCODED), False),
        (post(b"{}", *OWN, "Content-Type: application/json"), False),
        (post(b"a=b", *OWN), False),
        (
            post(chunked(b"a=b"), *OWN, URLENCODED, "Transfer-Encoding: chunked", length=False),
            False,
        ),
    ],
    ids=["64 KiB", "64 KiB and one", "2 MB", "JSON", "no type", "chunked"],
)
async def test_what_cannot_be_kept_is_said_to_be_lost(serve, data, is_kept):
    running, app = await serve()

    answer = await running.ask(data)

    page = answer.body.decode()
    assert answer.status == 401
    assert answer.all(b"content-type") == [b"text/html; charset=utf-8"]
    assert bool(kept(page)) == is_kept
    assert ("It could not be kept on this page" in page) == (not is_kept)
    assert app.connections == 0


@pytest.mark.parametrize("cookie", [[ENDED], []])
@pytest.mark.parametrize(
    "sender",
    [
        ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"],
        ["Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: navigate", "Origin: http://near.app.test"],
        ["Accept: text/html", "Origin: http://evil.test"],
        ["Accept: text/html", "Origin: null"],
    ],
)
async def test_a_foreign_page_cannot_start_it(serve, cookie, sender):
    running, app = await serve()
    answer = await running.ask(post(urlencode(FIELDS).encode(), *cookie, *sender, URLENCODED))

    assert answer.status == 403
    assert b"cross-site" in answer.body
    assert b"Owls" not in answer.body
    assert app.connections == 0


@pytest.mark.parametrize(
    "lines",
    [
        ["Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors"],
        ["Accept: application/json"],
        ["Accept: text/html", "X-Requested-With: XMLHttpRequest"],
        ["Accept: text/html", "HX-Request: true"],
    ],
)
async def test_a_script_is_told_as_before(serve, lines):
    running, _ = await serve()
    for data in (
        post(b"a=b", ENDED, *lines, URLENCODED),
        request("/notes", ENDED, *lines),
        request("/notes", *lines),
    ):
        answer = await running.ask(data)

        assert (answer.status, answer.all(b"location")) == (401, [])
        assert answer.all(b"content-type") == [b"application/problem+json"]


async def test_a_form_is_kept_for_a_stronger_sign_in_too(serve):
    running, app = await serve(STEP_UP)
    cookie = (await running.sign_in(authenticated_at=1)).strip()

    answer = await running.ask(post(b"to=bob", cookie, *OWN, URLENCODED, target="/pay"))

    page = answer.body.decode()
    assert answer.status == 401
    assert kept(page) == [("to", "bob")]
    assert "sign-in?return_to=/_gatepost/signed-in&amp;max_age=1" in page
    assert app.connections == 0


async def test_whatever_is_refused_has_a_page_for_a_form(serve):
    running, _ = await serve({"name": "closed", "prefix": "/closed", "access": "denied"})
    cookie = (await running.sign_in()).strip()

    for target, status in (("/closed", 403), ("/_gatepost/nothing", 404)):
        answer = await running.ask(post(b"a=b", cookie, *OWN, URLENCODED, target=target))
        assert answer.all(b"content-type") == [b"text/html; charset=utf-8"], target
        assert answer.status == status


async def test_a_path_that_starts_a_sign_in_still_does(serve):
    running, _ = await serve({"name": "login", "path": "/login", "access": "sign_in"})

    answer = await running.ask(post(b"a=b", *OWN, URLENCODED, target="/login"))

    assert answer.status == 303
    assert answer.all(b"location") == [b"/_gatepost/sign-in?return_to=/"]
