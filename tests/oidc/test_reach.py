"""TLS and proxy of one provider, over real connections."""

import base64
import shutil

import pytest
from aiohttp import web

from gateway.errors import ProviderUnavailableError
from gateway.oidc.internal_url import Addresses
from gateway.oidc.reach import reached
from gateway.settings.provider_reach import ProviderTlsSettings
from tests.fixtures.certificates import Authority, serial_of


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def start(aiohttp_server, authority):
    """Start a TLS server that answers with the serial number of the client's certificate."""

    async def answer(request):
        shown = request.transport.get_extra_info("ssl_object")
        has_one = shown is not None and shown.getpeercert(binary_form=True)
        return web.json_response({"serial": serial_of(shown) if has_one else None})

    async def begin(*, tls=True):
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        context = None
        if tls:
            pair = authority.issue("server", "127.0.0.1", "id.example.test")
            context = authority.server_context(pair, wants_client=True)
        server = await aiohttp_server(app, ssl=context, shutdown_timeout=0.1)
        return str(server.make_url("")).rstrip("/")

    return begin


def tls_of(authority, pair):
    return ProviderTlsSettings(ca_file=authority.cert, cert_file=pair.cert, key_file=pair.key)


async def test_a_client_certificate_is_shown_and_read_again_when_it_changes(
    start, authority, http, tmp_path
):
    url = await start()
    first, second = authority.issue("first"), authority.issue("second")
    own = authority.issue("own")
    for source, target in ((first.cert, own.cert), (first.key, own.key)):
        shutil.copy(source, target)
    client = reached(http, Addresses(url), tls_of(authority, own))

    assert (await client.get(url)).json_object() == {"serial": first.serial}
    # The certificate is replaced before its key: until then, nothing changes.
    shutil.copy(second.cert, own.cert)
    assert (await client.get(url)).json_object() == {"serial": first.serial}
    shutil.copy(second.key, own.key)
    assert (await client.get(url)).json_object() == {"serial": second.serial}


async def test_one_providers_certificate_and_trust_are_not_anothers(start, authority, http):
    url = await start()
    mine = reached(http, Addresses(url), tls_of(authority, authority.issue("mine")))
    other = reached(http, Addresses(url))

    assert (await mine.get(url)).status == 200
    with pytest.raises(ProviderUnavailableError, match="certificate refused"):
        await other.get(url)


async def test_without_usable_files_nothing_is_called(start, authority, http, tmp_path):
    url = await start()
    pair = authority.issue("gone")
    client = reached(http, Addresses(url), tls_of(authority, pair))
    pair.key.unlink()

    with pytest.raises(ProviderUnavailableError, match="tls: cannot use "):
        await client.get(url)


async def test_https_goes_through_the_proxy_which_resolves_the_name(
    start, authority, http, forward_proxy
):
    port = (await start()).rpartition(":")[2]
    url = f"https://id.example.test:{port}"
    forward_proxy.names.add("id.example.test")
    pair = authority.issue("client")
    proxy = forward_proxy.url.replace("://", "://user:p%40ss@")
    client = reached(http, Addresses(url), tls_of(authority, pair), proxy)

    assert (await client.get(f"{url}/jwks")).json_object() == {"serial": pair.serial}
    assert forward_proxy.targets(b"CONNECT") == [f"id.example.test:{port}"]
    given = base64.b64encode(b"user:p@ss")
    assert b"Proxy-Authorization: Basic " + given in forward_proxy.heads[0]


async def test_plain_http_goes_through_the_proxy_too(start, http, forward_proxy, monkeypatch):
    url = await start(tls=False)
    monkeypatch.setenv("HTTP_PROXY", forward_proxy.url)
    client = reached(http, Addresses("https://id.example.com", url))

    assert (await client.post("https://id.example.com/token", b"a=b", fields={})).status == 200
    assert forward_proxy.targets(b"POST") == [f"{url}/token"]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert (await client.get("https://id.example.com/jwks")).status == 200
    assert len(forward_proxy.heads) == 1


async def test_the_error_says_what_the_proxy_did_and_not_its_password(
    start, http, forward_proxy, free_port
):
    url = await start()
    forward_proxy.status = 407
    with_secret = forward_proxy.url.replace("://", "://user:secret@")

    async def told(proxy):
        with pytest.raises(ProviderUnavailableError) as raised:
            await reached(http, Addresses(url), proxy=proxy).get(url)
        assert "secret" not in str(raised.value)
        return str(raised.value)

    refused = await told(with_secret)
    assert refused == f"GET {url}: the proxy refuses the connection: status 407"
    gone = await told(f"http://user:secret@127.0.0.1:{free_port}")
    where = f"127.0.0.1:{free_port}"
    assert gone == f"GET {url}: cannot connect to the proxy {where}: connection refused"
