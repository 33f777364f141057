"""Calls to providers carry nothing of one another and end in time."""

import asyncio
import gzip
import ssl
import tracemalloc
import zlib

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.http import MAX_BODY_BYTES, Answer, ProviderHttp
from tests.fixtures.certificates import Authority


def test_nothing_is_opened_before_the_first_call():
    # aiohttp opens nothing where no loop runs: it raises.
    ProviderHttp(timeout_s=2.0)


async def test_closing_twice_is_fine_and_a_later_call_opens_anew(hostile, http):
    await http.get(f"{hostile.issuer}/jwks")
    await http.aclose()
    await http.aclose()

    assert (await http.get(f"{hostile.issuer}/jwks")).status == 200


async def test_cookies_are_not_kept(raw_upstream, http):
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}"
    upstream = await raw_upstream(answer)
    await http.get(upstream.url)
    await http.get(upstream.url)

    assert len(upstream.heads) == 2
    assert all(b"cookie" not in head.lower() for head in upstream.heads)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://[::1", "https://127.0.0.1:1/", "ftp://x/", "", "http://"]
)
async def test_who_cannot_be_reached_is_unavailable(http, url):
    with pytest.raises(ProviderUnavailableError):
        await http.get(url)


async def test_the_log_says_in_plain_words_who_did_not_answer(http, raw_upstream, free_port):
    named = http.named('provider "x"')

    async def no_tls(connection):
        await connection.read(1)
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")

    async def hang_up(connection):
        await connection.read(1)

    async def told(url):
        with pytest.raises(ProviderUnavailableError) as raised:
            await named.get(url)
        with pytest.raises(ProviderUnavailableError, match=r'^provider "x": '):
            await named.post(url, b"", fields={})
        assert "Connect" not in str(raised.value)
        return str(raised.value)

    where = f"127.0.0.1:{free_port}"
    assert await told(f"http://{where}/") == (
        f'provider "x": cannot connect to {where}: connection refused'
    )
    unknown = await told("http://nowhere.invalid/")
    assert unknown.startswith('provider "x": cannot connect to nowhere.invalid:80: ')
    upstream = await raw_upstream(no_tls)
    tls = await told(f"https://127.0.0.1:{upstream.port}/")
    assert tls.startswith(f'provider "x": cannot connect to 127.0.0.1:{upstream.port}: TLS: ')
    upstream = await raw_upstream(hang_up)
    closed = await told(upstream.url)
    assert closed == f'provider "x": GET {upstream.url}: the connection was closed before an answer'


async def test_the_log_says_what_is_wrong_with_a_certificate(http, tmp_path):
    pair = Authority(tmp_path).issue("server", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.cert, pair.key)
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        with pytest.raises(ProviderUnavailableError) as raised:
            await http.get(f"https://127.0.0.1:{port}/")
    finally:
        server.close()

    told = str(raised.value)
    where = f"cannot connect to 127.0.0.1:{port}"
    assert told == f"{where}: certificate refused: unable to get local issuer certificate"


async def test_a_certificate_nobody_vouches_for_is_refused(raw_upstream, http):
    async def no_tls(connection):
        await connection.read(1)
        await connection.send(b"HTTP/1.1 200 OK\r\n\r\n")

    upstream = await raw_upstream(no_tls)

    with pytest.raises(ProviderUnavailableError):
        await http.get(f"https://127.0.0.1:{upstream.port}/")


@pytest.mark.parametrize(("size", "accepted"), [(100, True), (101, False)])
async def test_a_body_has_an_end(raw_upstream, size, accepted):
    http = ProviderHttp(timeout_s=2, max_body_bytes=100)
    upstream = await raw_upstream(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
    )
    try:
        if accepted:
            assert len((await http.get(upstream.url)).body) == size
        else:
            with pytest.raises(ProviderUnavailableError):
                await http.get(upstream.url)
    finally:
        await http.aclose()


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(("size", "accepted"), [(MAX_BODY_BYTES, True), (64 * 2**20, False)])
async def test_a_small_body_that_unpacks_to_a_large_one_has_an_end(
    raw_upstream, http, coding, size, accepted
):
    """Nobody asked for a compressed body, and some send one all the same."""
    zeros = b"0" * size
    packed = gzip.compress(zeros) if coding == "gzip" else zlib.compress(zeros)
    assert len(packed) < MAX_BODY_BYTES
    fields = f"Content-Encoding: {coding}\r\nContent-Length: {len(packed)}\r\n\r\n"
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\n" + fields.encode() + packed)
    tracemalloc.start()
    try:
        if accepted:
            assert len((await http.get(upstream.url)).body) == size
        else:
            with pytest.raises(ProviderUnavailableError, match=f"exceeds {MAX_BODY_BYTES} bytes"):
                await http.get(upstream.url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MAX_BODY_BYTES


@pytest.mark.parametrize("provider_timeout_s", [0.2])
async def test_a_body_that_drips_is_given_up(raw_upstream, http):
    async def drip(connection):
        await connection.read_head()
        await connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            await connection.send(b" ")
            await asyncio.sleep(0.01)

    upstream = await raw_upstream(drip)

    with pytest.raises(ProviderUnavailableError, match="no complete response in time"):
        await http.get(upstream.url)


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=utf-8", "application/json"),
        ("", ""),
    ],
)
def test_the_media_type_is_without_parameters(content_type, expected):
    assert Answer("u", 200, {"content-type": content_type}, b"").media_type == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff", b"null", b"[" * 200_000])
def test_what_is_no_object_is_refused(body):
    with pytest.raises(ProviderUnavailableError):
        Answer("u", 200, {}, body).json_object()
