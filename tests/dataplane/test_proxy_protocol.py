"""`server.proxy_protocol: v2`: who the client is, and what may come before the first request."""

import asyncio
import json
import ssl

import pytest

from gateway.message.proxy_protocol import MOST_BYTES
from tests.dataplane.harness import request
from tests.fixtures.certificates import Authority
from tests.fixtures.proxy_headers import (
    LOCAL,
    UNIX,
    UNSPEC,
    addresses,
    extension,
    header,
    raw_header,
)
from tests.patience import soon, until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CLIENT = "203.0.113.7"
LONG = header(CLIENT, extension(4, bytes(MOST_BYTES - 31)))


@pytest.fixture
async def fronted(raw_upstream, gateway, tmp_path):
    """Start a gateway that wants the header from 127.0.0.1, and its app."""

    async def start(**changes):
        upstream = await raw_upstream(OK)
        server = {"proxy_protocol": "v2", "trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]}
        server |= changes.pop("server", {})
        audit = {"file": str(tmp_path / "audit")}
        return upstream, await gateway(upstream.url, server=server, audit=audit, **changes)

    return start


async def ask(client, sent):
    await client.send(sent)
    return await client.response()


def forwarded_for(upstream):
    lines = upstream.heads[-1].lower().split(b"\r\n")
    return [line[17:].decode() for line in lines if line.startswith(b"x-forwarded-for: ")]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (header(CLIENT), CLIENT),
        (header(CLIENT, checksum=True), CLIENT),
        (header("2001:db8::7", extension(4, b"x")), "2001:db8::7"),
        (LONG, CLIENT),
        (raw_header(b"", command=LOCAL, family=UNSPEC), "127.0.0.1"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_address_in_the_header_is_the_peer(fronted, sent, told, at_once):
    upstream, running = await fronted()
    client = await running.client()
    if not at_once:
        await client.send(sent)
        sent = b""

    answer = await ask(client, sent + request("/one") + request("/two"))

    assert (answer.status, (await client.response()).status) == (200, 200)
    assert [head.split(b" ")[1] for head in upstream.heads] == [b"/one", b"/two"]
    assert forwarded_for(upstream) == [told]


async def test_a_header_may_come_byte_by_byte(fronted):
    upstream, running = await fronted()
    client = await running.client()
    client.writer.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
    for byte in header(CLIENT, extension(4, b"noop"), checksum=True):
        await client.send(bytes((byte,)))
        await asyncio.sleep(0)

    assert (await ask(client, request("/"))).status == 200
    assert forwarded_for(upstream) == [CLIENT]


@pytest.mark.parametrize(
    ("peer", "told"), [("10.0.0.9", ["198.51.100.3, 10.0.0.9"]), (CLIENT, [CLIENT])]
)
async def test_only_a_trusted_address_in_the_header_may_name_another(fronted, peer, told):
    upstream, running = await fronted()
    client = await running.client()

    lines = ("X-Forwarded-For: 198.51.100.3",)
    assert (await ask(client, header(peer) + request("/", *lines))).status == 200
    assert forwarded_for(upstream) == told


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (header(CLIENT), 200),
        (header("203.0.113.8"), 403),
        (raw_header(b"", command=LOCAL), 403),
        (raw_header(b"", family=UNSPEC), 403),
        (raw_header(bytes(216), family=UNIX), 403),
    ],
)
async def test_rules_for_addresses_go_by_the_header(fronted, sent, status):
    _, running = await fronted(
        routes=[{"name": "all", "prefix": "/", "access": {"allow": [{"ip": CLIENT}]}}]
    )
    client = await running.client()
    signed_in = (await running.sign_in()).strip()

    assert (await ask(client, sent + request("/", signed_in))).status == status


@pytest.mark.parametrize(
    "sent",
    [
        request("/"),
        b"\r\n" + request("/"),
        b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n" + request("/"),
        b"\x16\x03\x01",
        header(CLIENT)[:11] + b"!" + request("/"),
        raw_header(addresses(CLIENT), command=0x31) + request("/"),
        raw_header(addresses(CLIENT)[:-1]) + request("/"),
        raw_header(addresses(CLIENT), size=65535) + bytes(65523) + request("/"),
        header(CLIENT, extension(3, b"\1\2\3\4")) + request("/"),
        raw_header(addresses(CLIENT) + request("/"), size=12 + 7),
    ],
)
async def test_a_trusted_peer_without_a_good_header_is_closed(fronted, tmp_path, sent):
    upstream, running = await fronted()
    client = await running.client()
    await client.send(sent)

    assert await client.is_closed()
    assert await refusal(tmp_path / "audit") == ("malformed-request", "127.0.0.1")
    assert upstream.connections == 0


@pytest.mark.parametrize("sent", [header(CLIENT) + request("/"), request("/"), b""])
async def test_any_other_peer_is_refused_whatever_it_sends(fronted, tmp_path, sent):
    upstream, running = await fronted(server={"trusted_proxies": ["10.0.0.0/8"]})
    client = await running.client()

    answer = await ask(client, sent)

    assert answer.status == 400
    assert answer.closes
    assert await client.is_closed()
    assert await refusal(tmp_path / "audit") == ("malformed-request", "127.0.0.1")
    assert upstream.connections == 0


@pytest.mark.parametrize("second", [header(CLIENT), header("198.51.100.3", checksum=True)])
@pytest.mark.parametrize("before", [b"", request("/")])
async def test_a_second_header_is_no_request(fronted, second, before):
    upstream, running = await fronted()
    client = await running.client()
    if before:
        assert (await ask(client, header(CLIENT) + before)).status == 200
        await client.send(second + request("/"))
    else:
        await client.send(header(CLIENT) + second + request("/"))

    assert (await client.response()).status == 400
    assert await client.is_closed()
    assert len(upstream.heads) == bool(before)


async def test_bytes_that_the_length_covers_are_never_a_request(fronted):
    upstream, running = await fronted()
    client = await running.client()
    smuggled = extension(4, request("/smuggled"))

    assert (await ask(client, header(CLIENT, smuggled) + request("/asked"))).status == 200
    assert [head.split(b" ")[1] for head in upstream.heads] == [b"/asked"]


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n", header(CLIENT)[:-1]])
async def test_a_header_has_to_come_in_time(fronted, sent):
    _, running = await fronted(server={"limits": {"header_timeout": "100ms"}})
    client = await running.client()
    await client.send(sent)

    assert await client.is_closed()


async def test_connections_that_wait_for_a_header_count_and_are_drained(fronted):
    _, running = await fronted(server={"limits": {"connections": 1}})
    waiting, second = await running.client(), await running.client()
    await until(lambda: len(running.gateway.front.connections) == 2)

    assert (await ask(second, header(CLIENT) + request("/"))).status == 503
    running.gateway.front.draining = True
    for connection in list(running.gateway.front.connections):
        connection.drain()
    assert await waiting.is_closed()


async def test_off_takes_a_header_for_malformed_http(fronted):
    upstream, running = await fronted(server={"proxy_protocol": "off"})
    client = await running.client()

    assert (await ask(client, header(CLIENT) + request("/"))).status == 400
    assert upstream.connections == 0
    assert (await running.ask(request("/"))).status == 200


async def test_peers_that_a_reload_no_longer_trusts_are_refused(fronted):
    _, running = await fronted()
    settings = running.gateway._settings
    server = settings.server.model_copy(update={"trusted_proxies": ()})
    await running.gateway.reload(settings.model_copy(update={"server": server}))

    assert (await ask(await running.client(), header(CLIENT) + request("/"))).status == 400


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture
async def secure(fronted, authority):
    """A gateway that terminates TLS behind the header, and a way to connect to it."""
    pair = authority.issue("server", "app.test")
    tls = {"cert_file": str(pair.cert), "key_file": str(pair.key)}
    upstream, running = await fronted(server={"tls": tls}, public_url="https://app.test")
    trusting = authority.client_context()

    async def connect(sent):
        client = await running.client()
        await client.send(sent)
        await soon(client.writer.start_tls(trusting, server_hostname="app.test"))
        return client

    return upstream, running, connect


async def test_tls_begins_after_the_header(secure):
    upstream, _, connect = secure
    client = await connect(header(CLIENT, checksum=True))
    for _ in range(2):
        assert (await ask(client, request("/"))).status == 200
    assert forwarded_for(upstream) == [CLIENT]
    assert b"\r\nX-Forwarded-Proto: https\r\n" in upstream.heads[0]


async def test_a_request_that_comes_with_the_end_of_the_handshake_is_read(secure, authority):
    upstream, running, _ = secure
    tls = authority.client_context()
    sending, receiving = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = tls.wrap_bio(receiving, sending, server_hostname="app.test")
    client = await running.client()
    # Header and ClientHello in one piece; then the end of the handshake and a request in another.
    with pytest.raises(ssl.SSLWantReadError):
        end.do_handshake()
    await client.send(header(CLIENT) + sending.read())
    done = False
    while not done:
        receiving.write(await soon(client.reader.read(65536)))
        try:
            end.do_handshake()
            done = True
            end.write(request("/"))
        except ssl.SSLWantReadError:
            pass
        await client.send(sending.read())
    answer = b""
    while not answer.endswith(b"ok"):
        receiving.write(await soon(client.reader.read(65536)))
        try:
            answer += end.read()
        except ssl.SSLWantReadError:
            continue

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert forwarded_for(upstream) == [CLIENT]


@pytest.mark.parametrize("then", [request("/"), header(CLIENT), b""])
async def test_what_is_no_handshake_ends_the_connection(secure, then):
    upstream, running, _ = secure
    client = await running.client()
    await client.send(header(CLIENT) + then)
    if not then:
        client.writer.write_eof()

    assert not (await client.rest()).startswith(b"HTTP/")
    await until(lambda: not running.gateway.front.connections)
    assert upstream.connections == 0


async def test_tls_without_the_header_is_closed(secure):
    upstream, _, connect = secure

    with pytest.raises((ConnectionError, ssl.SSLError)):
        await connect(b"")
    assert upstream.connections == 0


async def refusal(file):
    """The reason and the client of the only audit line, waited for."""
    await until(lambda: file.exists() and file.read_bytes().endswith(b"\n"))
    (line,) = file.read_text().splitlines()
    event = json.loads(line)
    return event["reason"], event["ip"]
