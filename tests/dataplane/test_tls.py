"""TLS on both sides: the same messages, and no half-closed connections."""

import asyncio
import datetime
import ipaddress
import logging
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.dataplane.harness import BrokenBodyError, Client, request
from tests.patience import soon

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """The files of a self-signed certificate for 127.0.0.1 and its key."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    key_file.chmod(0o600)
    return cert_file, key_file


@pytest.fixture
async def secure(certificate, gateway):
    """Start a gateway with TLS on both sides and an upstream: ``await secure(handler)``."""
    cert_file, key_file = certificate
    at_server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    at_server.load_cert_chain(cert_file, key_file)
    at_client = ssl.create_default_context(cafile=cert_file)
    servers, clients = [], []

    async def start(handle, *, trusted=True):
        async def accept(reader, writer):
            try:
                await handle(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=at_server)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        running = await gateway(
            f"https://127.0.0.1:{port}",
            {"tls": {"ca_file": str(cert_file)}} if trusted else {},
            public_url="https://app.test",
            server={"tls": {"cert_file": str(cert_file), "key_file": str(key_file)}},
        )

        async def connect():
            opened = await asyncio.open_connection("127.0.0.1", running.port, ssl=at_client)
            clients.append(Client(*opened))
            return clients[-1]

        return connect

    yield start

    for client in clients:
        client.abort()
    for server in servers:
        server.close()
        await server.wait_closed()


async def test_messages_pass_and_connections_are_kept(secure):
    seen = []

    async def handle(reader, writer):
        while True:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(100_000)
            writer.write(OK)

    client = await (await secure(handle))()
    for _ in range(3):
        sent = request("/", "Content-Length: 100000", method="POST", body=b"x" * 100_000)
        assert (await client.ask(sent)).body == b"ok"
    assert b"\r\nX-Forwarded-Proto: https\r\n" in seen[0]


async def test_a_certificate_nobody_vouches_for_is_502(secure, caplog):
    async def handle(reader, writer):
        raise AssertionError("was asked")

    client = await (await secure(handle, trusted=False))()
    assert (await client.ask(request("/"))).status == 502
    (warning,) = [it for it in caplog.records if it.name == "gateway.forward.upstream"]
    assert "at https://" in warning.getMessage()
    assert "CERTIFICATE_VERIFY_FAILED" in warning.getMessage()


async def test_a_refused_request_is_answered_before_the_close(secure):
    async def handle(reader, writer):
        raise AssertionError("was asked")

    client = await (await secure(handle))()
    await client.send(b"GET / HTTP/1.1\r\nHost : app.test\r\n\r\n")
    assert (await client.response()).status == 400
    assert await client.is_closed()


async def test_a_body_cut_off_is_broken(secure):
    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello")
        await writer.drain()

    client = await (await secure(handle))()
    with pytest.raises(BrokenBodyError):
        await client.ask(request("/"))


@pytest.mark.parametrize("first", ["client", "app"])
async def test_a_tunnel_ends_on_both_sides_at_once(secure, caplog, first):
    left = asyncio.Event()

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
        if first == "app":
            writer.write(b"bye")
            return
        try:
            while data := await reader.read(100):
                writer.write(data)
        finally:
            left.set()

    client = await (await secure(handle))()
    with caplog.at_level(logging.WARNING):
        await client.send(request("/", "Connection: Upgrade", "Upgrade: x"))
        assert (await client.head()).status == 101
        if first == "app":
            assert await client.rest() == b"bye"
        else:
            await client.send(b"ping")
            assert await client.reader.readexactly(4) == b"ping"
            client.close()
            await soon(left.wait())
    assert [r.message for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_the_upstream_stops_when_the_client_leaves(secure):
    asked, left = asyncio.Event(), asyncio.Event()

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        try:
            await reader.read()
        finally:
            left.set()

    client = await (await secure(handle))()
    await client.send(request("/"))
    await soon(asked.wait())
    client.close()
    await soon(left.wait())
