"""How long documents are known, and what is fetched again."""

import asyncio
import json

import pytest

from gateway.authserver.client_document import client_of, fresh_s
from gateway.authserver.client_metadata import MetadataError, name_of, read_metadata
from gateway.authserver.client_url import Hosts
from gateway.authserver.documents import (
    DocumentRefusedError,
    DocumentsThrottledError,
    DocumentUnreachableError,
    MetadataDocuments,
)
from gateway.errors import ProviderUnavailableError
from gateway.oidc.http import Answer
from tests.fixtures.clock import Clock

URL = "https://claude.ai/client.json"
CALLBACK = "https://claude.ai/callback"


def answer(url=URL, fields=(), status=200, **more):
    about = {"client_id": url, "redirect_uris": [CALLBACK], "client_name": "Claude", **more}
    whole = {"content-type": "application/json", **dict(fields)}
    return Answer(url, status, whole, json.dumps(about).encode())


class Web:
    """What is fetched: `answers` by URL, or an error for all that it has not."""

    def __init__(self, **answers):
        self.answers = {URL: answer(), **answers}
        self.asked = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def fetch(self, url, /, *, is_named):
        self.asked.append((url, is_named))
        await self.may_answer.wait()
        found = self.answers.get(url)
        if found is None:
            raise ProviderUnavailableError("no answer")
        return found


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def web():
    return Web()


@pytest.fixture
def documents(web, clock):
    return MetadataDocuments(Hosts.of(["claude.ai", "*"]), web.fetch, clock)


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 300),
        ({"cache-control": "max-age=3600"}, 3600),
        ({"cache-control": "public, max-age=3600, must-revalidate"}, 3600),
        ({"cache-control": "Max-Age=3600"}, 3600),
        ({"cache-control": "max-age=3600", "age": "600"}, 3000),
        ({"cache-control": "max-age=1"}, 300),
        ({"cache-control": "max-age=99999999"}, 86400),
        ({"cache-control": "max-age=-1"}, 300),
        ({"cache-control": "max-age=" + "9" * 5000}, 300),
        ({"cache-control": "no-store, max-age=3600"}, 300),
        ({"cache-control": "s-maxage=3600"}, 300),
        (
            {
                "date": "Sun, 06 Nov 1994 08:00:00 GMT",
                "expires": "Sun, 06 Nov 1994 10:00:00 GMT",
            },
            7200,
        ),
        ({"date": "Sun, 06 Nov 1994 08:00:00 GMT", "expires": "0"}, 300),
        ({"expires": "Sun, 06 Nov 2094 10:00:00 GMT"}, 300),
    ],
)
def test_a_document_says_how_long_it_is_good(fields, seconds):
    assert fresh_s(fields) == seconds


async def test_a_document_is_asked_about_again_when_it_says(documents, web, clock):
    web.answers[URL] = answer(fields={"cache-control": "max-age=600"})
    first = await documents.find(URL, "1.2.3.4")
    assert (first.name, first.host, first.origin) == ("Claude", "claude.ai", "document")
    clock.ahead_s = 599
    web.answers[URL] = answer(redirect_uris=["https://claude.ai/other"])
    assert (await documents.find(URL, "1.2.3.4")).redirect_uris == (CALLBACK,)
    clock.ahead_s = 600
    changed = await documents.find(URL, "1.2.3.4")
    assert changed.redirect_uris == ("https://claude.ai/other",)
    assert web.asked == [(URL, True)] * 2


async def test_a_clock_that_was_set_back_keeps_no_document_for_ever(documents, web, clock):
    await documents.find(URL, "1.2.3.4")
    clock.ahead_s = -2 * 86400
    with pytest.raises(DocumentsThrottledError):
        await documents.find(URL, "5.6.7.8")
    clock.ahead_s += 60
    assert await documents.find(URL, "5.6.7.8") is not None
    assert len(web.asked) == 2


async def test_the_last_document_goes_on_for_a_day_while_there_is_none(documents, web, clock):
    await documents.find(URL, "1.2.3.4")
    del web.answers[URL]
    clock.ahead_s = 86399
    assert (await documents.find(URL, "1.2.3.4")).name == "Claude"
    web.answers[URL] = answer(status=503)
    clock.ahead_s = 86400
    with pytest.raises(DocumentUnreachableError):
        await documents.find(URL, "1.2.3.4")


async def test_a_document_that_is_refused_ends_the_last_one(documents, web, clock):
    await documents.find(URL, "1.2.3.4")
    web.answers[URL] = answer(status=404)
    clock.ahead_s = 300
    with pytest.raises(DocumentRefusedError):
        await documents.find(URL, "1.2.3.4")
    del web.answers[URL]
    clock.ahead_s = 400
    with pytest.raises(DocumentUnreachableError):
        await documents.find(URL, "1.2.3.4")


async def test_a_failure_is_remembered_for_a_minute(documents, web, clock):
    del web.answers[URL]
    for _ in range(50):
        with pytest.raises(DocumentUnreachableError):
            await documents.find(URL, "1.2.3.4")
    assert len(web.asked) == 1
    web.answers[URL] = answer()
    clock.ahead_s = 60
    assert (await documents.find(URL, "1.2.3.4")).name == "Claude"


async def test_many_at_once_ask_once_and_none_takes_the_answer_from_the_others(documents, web):
    web.may_answer.clear()
    waiting = [
        asyncio.get_running_loop().create_task(documents.find(URL, "1.2.3.4")) for _ in range(20)
    ]
    while not web.asked:
        await asyncio.sleep(0)
    waiting[0].cancel()
    web.may_answer.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert {it.name for it in found[1:]} == {"Claude"}
    assert len(web.asked) == 1


async def test_strangers_cannot_have_documents_fetched_without_end(documents, web):
    async def refused(number, asker):
        with pytest.raises((DocumentUnreachableError, DocumentsThrottledError)) as error:
            await documents.find(f"https://evil.test/{number}.json", asker)
        return isinstance(error.value, DocumentsThrottledError)

    throttled = [await refused(number, "1.2.3.4") for number in range(100)]
    assert throttled == [False] * 10 + [True] * 90
    assert await documents.find(URL, "5.6.7.8") is not None
    throttled = [await refused(1000 + number, f"10.0.0.{number}") for number in range(200)]
    assert len(web.asked) == 60
    assert all(throttled[60:])
    # What is known goes on.
    assert await documents.find(URL, "1.2.3.4") is not None
    # By "*", and so never through a proxy.
    assert {is_named for url, is_named in web.asked if url != URL} == {False}


async def test_few_are_fetched_at_once(documents, web):
    web.may_answer.clear()
    urls = [f"https://a.test/{number}" for number in range(8)]
    waiting = [asyncio.get_running_loop().create_task(documents.find(url, url)) for url in urls]
    while len(web.asked) < 8:
        await asyncio.sleep(0)
    with pytest.raises(DocumentsThrottledError):
        await documents.find(URL, "1.2.3.4")
    web.may_answer.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert await documents.find(URL, "1.2.3.4") is not None


async def test_its_proof_needs_no_document(documents, web):
    client = await documents.find_to_prove(URL)
    assert (client.is_public, client.redirect_uris, client.name) == (True, (), "claude.ai")
    assert web.asked == []


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("https://claude.ai/a", True),
        ("https://www.claude.ai/a", False),
        ("https://claude.ai.evil.test/a", False),
        ("https://a.example.com/a", True),
        ("https://a.b.example.com/a", True),
        ("https://example.com/a", False),
        ("https://evilexample.com/a", False),
        ("https://claude.ai:443/a", False),
        ("https://claude.ai:8443/a", False),
        ("https://claude.ai", False),
        ("https://claude.ai/", False),
        ("https://claude.ai/a?b", False),
        ("https://claude.ai/a#b", False),
        ("https://claude.ai/..", False),
        ("https://claude.ai/a/.", False),
        ("https://claude.ai/a/./b", False),
        ("https://claude.ai/a/..b", True),
        ("https://claude.ai/%2e%2e/a", False),
        ("https://claude.ai@evil.test/a", False),
        ("https://evil.test\\@claude.ai/a", False),
        ("http://claude.ai/a", False),
        ("https://claude.ai/\u0430", False),
        ("https://claude.ai/a\n", False),
        ("claude", False),
        ("", False),
    ],
)
def test_hosts_are_compared_whole(name, is_taken):
    assert Hosts.of(["claude.ai", "*.example.com"]).takes(name) is is_taken


@pytest.mark.parametrize("media_type", ["application/json", "application/x+json; charset=utf-8"])
def test_json_is_taken_by_any_of_its_names(media_type):
    assert client_of(URL, answer(fields={"content-type": media_type})).name == "Claude"


@pytest.mark.parametrize("media_type", ["", "text/json", "application/jsonx", "text/html"])
def test_nothing_else_is_taken(media_type):
    with pytest.raises(MetadataError, match="is not application/json"):
        client_of(URL, answer(fields={"content-type": media_type}))


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"\xef\xbb\xbf{}",
        b'{"a": "\xff"}',
        b"[]",
        b"1" * 5000,
        b"[" * 5000,
        b"",
    ],
)
def test_json_has_one_reading(data):
    with pytest.raises(MetadataError):
        read_metadata(data)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Claude", "Claude"),
        ("  A \t\r\n  B  ", "A B"),
        ("evil\u202egoogle\u2066\u2069\u200b\ufeff", "evilgoogle"),
        ("\0\x1b[31mred\x7f", "[31mred"),
        ("\ud800", ""),
        ("Z\u0301\u0301\u0301\u0301", "\u0179\u0301\u0301"),
        ("x" * 61, "x" * 59 + "…"),
        ("x" * 60, "x" * 60),
        (" " * 1_000_000, ""),
        (None, ""),
        (7, ""),
        (["a"], ""),
    ],
)
def test_a_name_is_safe_to_show(given, shown):
    assert name_of({"client_name": given}) == shown
