"""TLS towards clients and towards apps, and Unix sockets on both sides."""

import asyncio
import re
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dataplane.harness import Client, request
from tests.dataplane.harness import start_gateway as start_in_loop
from tests.e2e.raw import OK, PUBLIC, behind, connect, get
from tests.fixtures.certificates import Authority, serial_of
from tests.fixtures.gateway import clean_environment, dump, with_defaults
from tests.fixtures.network import RawConnection, RawUpstream
from tests.patience import PATIENCE_S, until

NAME = "app.test"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"))


def shown(client: Client) -> int:
    return serial_of(client.writer.get_extra_info("ssl_object"))


@pytest.fixture
async def terminating(raw_upstream, gateway_process, authority, tmp_path):
    """A gateway that terminates TLS, and the certificate it shows."""
    pair = authority.issue("first", NAME)
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    cert.write_bytes(pair.cert.read_bytes())
    key.write_bytes(pair.key.read_bytes())
    settings = behind(await raw_upstream(OK))
    settings["server"] = {"tls": {"cert_file": str(cert), "key_file": str(key)}}
    return gateway_process(settings), pair, (cert, key)


async def test_a_client_is_served_over_tls(terminating, authority, stranger):
    gateway, pair, _ = terminating
    client = await connect(gateway, tls=authority.client_context(), name=NAME)

    for _ in range(2):
        assert (await client.ask(get(gateway))).body == b"ok"
    assert shown(client) == pair.serial
    assert client.writer.get_extra_info("ssl_object").version() in ("TLSv1.2", "TLSv1.3")
    client.writer.close()
    with pytest.raises(ssl.SSLCertVerificationError):
        await connect(gateway, tls=stranger.client_context(), name=NAME)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_versions_before_1_2_are_refused(terminating, authority):
    gateway, *_ = terminating
    old = authority.client_context()
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")

    with pytest.raises((ssl.SSLError, ConnectionError)):
        await connect(gateway, tls=old, name=NAME)


async def test_a_client_that_never_ends_its_handshake_is_let_go(
    raw_upstream, gateway_process, authority
):
    pair = authority.issue("slow", NAME)
    tls = {"cert_file": str(pair.cert), "key_file": str(pair.key)}
    settings = behind(await raw_upstream(OK))
    settings["server"] = {"tls": tls, "limits": {"header_timeout": "200ms"}}
    gateway = gateway_process(settings)

    client = await connect(gateway)
    await client.send(b"\x16\x03\x01")

    assert await client.rest() == b""
    client.writer.close()


async def test_only_http_1_1_is_offered(terminating, authority):
    gateway, *_ = terminating
    context = authority.client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    client = await connect(gateway, tls=context, name=NAME)

    assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    client.writer.close()


@pytest.mark.parametrize("key_type", ["ec", "rsa"])
async def test_a_new_certificate_is_shown_and_old_connections_stay(
    terminating, authority, key_type
):
    gateway, first, (cert, key) = terminating
    old = await connect(gateway, tls=authority.client_context(), name=NAME)
    assert (await old.ask(get(gateway))).status == 200

    second = authority.issue("second", NAME, key_type=key_type)
    key.write_bytes(second.key.read_bytes())
    cert.write_bytes(second.cert.read_bytes())
    await until(lambda: "was reloaded" in gateway.log())

    new = await connect(gateway, tls=authority.client_context(), name=NAME)
    assert shown(new) == second.serial
    assert (await old.ask(get(gateway))).status == 200
    assert shown(old) == first.serial
    old.writer.close()
    new.writer.close()


async def test_a_key_of_another_certificate_is_reported_and_not_taken(terminating, authority):
    gateway, first, (_, key) = terminating

    key.write_bytes(authority.issue("other", NAME).key.read_bytes())
    await until(lambda: "was not reloaded" in gateway.log())

    client = await connect(gateway, tls=authority.client_context(), name=NAME)
    assert shown(client) == first.serial
    client.writer.close()


@pytest.mark.parametrize("content", ["", " \n", "hello"])
@pytest.mark.parametrize(("which", "setting"), [(0, "cert_file"), (1, "key_file")])
async def test_a_file_that_holds_nothing_is_reported_with_its_place_and_not_taken(
    terminating, authority, which, setting, content
):
    gateway, first, files = terminating

    files[which].write_text(content)
    await until(lambda: "was not reloaded" in gateway.log())

    assert re.search(
        rf"gatepost\.yaml:[0-9:]+: server\.tls\.{setting}: .* contains no", gateway.log()
    )
    client = await connect(gateway, tls=authority.client_context(), name=NAME)
    assert shown(client) == first.serial
    client.writer.close()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("setting", ["cert_file", "key_file", "ca_file"])
def test_without_certificate_key_or_authorities_nothing_starts(
    authority, tmp_path, command, setting, workers
):
    pair = authority.issue("mine", NAME)
    files = {"cert_file": pair.cert, "key_file": pair.key, "ca_file": authority.cert}
    files = {name: str(file) for name, file in files.items()}
    files[setting] = str(tmp_path / "empty.pem")
    (tmp_path / "empty.pem").touch()
    settings = with_defaults(
        {
            "server": {"workers": workers},
            "upstreams": {"app": {"url": "https://127.0.0.1:1", "tls": files}},
            "providers": {"idp": {"issuer": "https://id.test", "client_id": "c"}},
        },
        tmp_path,
    )
    config = tmp_path / "gatepost.yaml"
    config.write_text(dump(settings))

    done = subprocess.run(
        [sys.executable, "-m", "gateway", command, "-c", str(config)],
        cwd=Path(__file__).parents[2],
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    line = next(n for n, it in enumerate(config.read_text().splitlines(), 1) if f"{setting}:" in it)
    (told,) = [it for it in done.stderr.splitlines() if not it.startswith("warning: ")]
    assert done.returncode == 2
    assert told.startswith(f"{config}:{line}:")
    assert f": upstreams.app.tls.{setting}: '{files[setting]}' contains no " in told


# Towards apps.


@pytest.fixture
async def app(authority):
    """Start an app with TLS: ``await app(pair, wants_client=True)``; its port."""
    servers = []

    async def start(pair, **options):
        upstream = RawUpstream()
        handle = upstream.answer_with(OK)

        async def accept(reader, writer):
            await handle(RawConnection(reader, writer))
            writer.close()

        context = authority.server_context(pair, **options)
        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start

    for server in servers:
        server.close()


@pytest.fixture
async def answer_through(tmp_path):
    """The answer of an app with these upstream settings: ``await answer_through({"url": …})``."""
    started = []

    async def ask(upstream):
        running = await start_in_loop(tmp_path, {"upstreams": {"app": upstream}})
        started.append(running)
        return await running.ask(request())

    yield ask

    for running in started:
        for client in running.clients:
            client.writer.close()
        await running.gateway.stop()


async def test_an_app_is_known_by_its_authority(app, answer_through, authority):
    port = await app(authority.issue("app-1", "127.0.0.1"))

    answer = await answer_through(
        {"url": f"https://127.0.0.1:{port}", "tls": {"ca_file": str(authority.cert)}}
    )

    assert (answer.status, answer.body) == (200, b"ok")


@pytest.mark.parametrize("name", ["127.0.0.1", "elsewhere.test"])
async def test_an_app_that_cannot_prove_itself_gets_nothing(
    app, answer_through, authority, stranger, name
):
    port = await app(authority.issue("app-2", name))
    trusted = stranger if name == "127.0.0.1" else authority

    answer = await answer_through(
        {"url": f"https://127.0.0.1:{port}", "tls": {"ca_file": str(trusted.cert)}}
    )

    assert answer.status == 502
    assert b'"reason":"upstream-refused"' in answer.body


async def test_the_name_in_its_certificate_can_be_said(app, answer_through, authority):
    port = await app(authority.issue("app-3", "elsewhere.test"))
    tls = {"ca_file": str(authority.cert), "server_name": "elsewhere.test"}

    answer = await answer_through({"url": f"https://127.0.0.1:{port}", "tls": tls})

    assert answer.status == 200


async def test_any_certificate_is_taken_where_that_is_asked_for(app, answer_through, authority):
    port = await app(authority.issue("app-4", "elsewhere.test"))
    tls = {"insecure_skip_verify": True}

    answer = await answer_through({"url": f"https://127.0.0.1:{port}", "tls": tls})

    assert answer.status == 200


@pytest.mark.parametrize("shows", [True, False])
async def test_the_gateway_proves_itself_to_an_app_that_asks(app, answer_through, authority, shows):
    port = await app(authority.issue("app-5", "127.0.0.1"), wants_client=True)
    mine = authority.issue("gateway", "gateway.test")
    tls = {"ca_file": str(authority.cert)}
    if shows:
        tls |= {"cert_file": str(mine.cert), "key_file": str(mine.key)}

    answer = await answer_through({"url": f"https://127.0.0.1:{port}", "tls": tls})

    assert answer.status == (200 if shows else 502)


async def test_an_app_on_a_unix_socket(answer_through, tmp_path):
    upstream = RawUpstream()
    handle = upstream.answer_with(OK)

    async def accept(reader, writer):
        await handle(RawConnection(reader, writer))
        writer.close()

    server = await asyncio.start_unix_server(accept, tmp_path / "app.sock")
    answer = await answer_through({"url": f"unix:{tmp_path / 'app.sock'}"})
    server.close()

    assert (answer.status, answer.body) == (200, b"ok")
    assert re.search(rb"\r\nhost: app\.test\r\n", upstream.heads[0].lower())


async def test_clients_on_a_unix_socket(raw_upstream, tmp_path):
    path = tmp_path / "g.sock"
    changes = {
        "upstreams": {"app": {"url": (await raw_upstream(OK)).url}},
        "routes": [PUBLIC],
        "server": {"listen": f"unix:{path}"},
    }
    for _ in range(2):
        running = await start_in_loop(tmp_path, changes)
        client = Client(*await asyncio.open_unix_connection(path))
        answer = await client.ask(request())
        client.writer.close()
        await running.gateway.stop()

        assert (answer.status, answer.body) == (200, b"ok")
        assert not path.exists()
