"""Clients whose id is the URL of their metadata document."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import yaml

from tests.e2e.browsing import Browser, FromAddress
from tests.e2e.documents import CALLBACK, DocumentServer, Sent, bomb
from tests.e2e.oauth_client import OAuthClient
from tests.fixtures.accounts import add
from tests.fixtures.processes import wait_until

MCP = {"name": "mcp", "prefix": "/mcp", "access": "signed_in", "mcp": True}
REST = {"name": "rest", "prefix": "/", "access": "signed_in"}
HOSTS = {"metadata_documents": ["localhost"], "insecure_metadata_addresses": True}


@pytest.fixture
def documents(tmp_path):
    server = DocumentServer(tmp_path / "documents")
    yield server
    server.stop()


@pytest.fixture
def gateway(gateway_process, echo_app, documents):
    started = gateway_process(
        {
            "upstreams": {"app": {"url": echo_app}},
            "auth_mode": "standalone",
            "tokens": HOSTS,
            "routes": [MCP, REST],
        },
        env={"SSL_CERT_FILE": str(documents.ca)},
    )
    add(started, "ann")
    return started


def test_a_client_brings_its_document(gateway, documents, browser):
    url = documents.add(redirect_uris=[CALLBACK, "http://127.0.0.1/callback"])
    client = OAuthClient(gateway, browser, url)
    page = client.authorize(resource=f"{gateway.base_url}/mcp")
    assert "<strong>A Client</strong>" in page.text
    assert "an app of <strong>localhost</strong>" in page.text
    tokens = client.tokens(resource=f"{gateway.base_url}/mcp")
    assert client.get(tokens["access_token"], "/mcp").status_code == 200
    status, renewed = client.refresh(tokens["refresh_token"])
    assert status == 200
    assert client.get(renewed["access_token"], "/mcp").status_code == 200
    # Once for all of it, and never compressed.
    [(_, fields)] = documents.requests
    assert fields["Accept-Encoding"] == "identity"
    assert "Cookie" not in fields


def test_metadata_says_that_documents_are_taken(gateway, start_standalone):
    def about(base):
        path = "/.well-known/oauth-authorization-server/_gatepost"
        return requests.get(base + path, timeout=30).json()

    found = about(gateway.base_url)
    # Claude falls back to registering unless both are there.
    assert found["client_id_metadata_document_supported"] is True
    assert "none" in found["token_endpoint_auth_methods_supported"]
    assert "registration_endpoint" not in found
    closed = start_standalone(tokens={"metadata_documents": []}, routes=[MCP, REST])
    assert "client_id_metadata_document_supported" not in about(closed.base_url)


HOSTILE = {
    "another id": {"client_id": "https://localhost/client.json"},
    "no id": {"sent": Sent(b'{"redirect_uris": ["https://client.test/callback"]}')},
    "no redirects": {"redirect_uris": []},
    "a script": {"redirect_uris": ["javascript:alert(1)"]},
    "a fragment": {"redirect_uris": [CALLBACK + "#x"]},
    "a secret": {"client_secret": "told to all"},
    "a method with a secret": {"token_endpoint_auth_method": "client_secret_basic"},
    "a key": {"token_endpoint_auth_method": "private_key_jwt"},
    "no codes": {"grant_types": ["implicit"]},
    "not JSON": {"sent": Sent(b"<html>")},
    "a list": {"sent": Sent(b"[]")},
    "deep": {"sent": Sent(b"[" * 5000)},
    "not text": {"sent": Sent(b"\xff\xfe")},
    "huge": {"sent": Sent(b" " * 1_000_000, repeats=1000)},
    "a page": {"sent": Sent(b"{}", fields={"Content-Type": "text/html"})},
    "gone": {"sent": Sent(b"{}", status=404)},
    "broken": {"sent": Sent(b"{}", status=500)},
}


def test_a_hostile_document_leads_nowhere(gateway, documents, browser):
    urls = [documents.add(f"{number}.json", **it) for number, it in enumerate(HOSTILE.values())]
    good = documents.add("good.json")
    urls.append(documents.add("twice.json"))
    twice = documents.documents["/twice.json"].body[:-1] + b', "client_name": "Another"}'
    documents.documents["/twice.json"] = Sent(twice)
    urls.append(documents.add("bomb.json"))
    documents.documents["/bomb.json"] = bomb(documents.documents["/bomb.json"].body)
    urls.append(documents.add("elsewhere.json"))
    documents.documents["/elsewhere.json"] = Sent(status=302, fields={"Location": good})
    urls.append(documents.add("slow.json", sent=Sent(b"{}" * 50, hangs=True)))
    for number, url in enumerate(urls):
        # From addresses of their own, so that none is held back by the others.
        asking = Browser(gateway)
        asking.mount("http://", FromAddress(f"127.0.0.{2 + number % 3}"))
        answer = OAuthClient(gateway, asking, url).authorize()
        assert answer.status_code in (400, 503), (url, answer.status_code)
        assert "Location" not in answer.headers
    assert documents.count("good.json") == 0
    assert documents.count("0.json") == 1
    # A failure is remembered.
    assert OAuthClient(gateway, browser, urls[0]).authorize().status_code == 400
    assert documents.count("0.json") == 1


NOT_URLS = [
    "http://localhost:{port}/client.json",
    "https://localhost:{port}",
    "https://localhost:{port}/",
    "https://localhost:{port}/client.json#x",
    "https://localhost:{port}/client.json?x=1",
    "https://user@localhost:{port}/client.json",
    "https://localhost:{port}/a/../client.json",
    "https://localhost:{port}/./client.json",
    "https://localhost:{port}/%2e%2e/client.json",
    "https://LOCALHOST:{port}/client.json",
    "HTTPS://localhost:{port}/client.json",
    "https://127.0.0.1:{port}/client.json",
    "https://[::1]:{port}/client.json",
    "https://localhost.:{port}/client.json",
    "https://localhost.evil.test:{port}/client.json",
    "https://localhost:{port}/client.json\n",
    "https://localhost:{port}/" + "a" * 2000,
    "https://localhost:{port}/a\\b",
]


def test_what_is_no_url_of_a_named_host_is_not_asked(gateway, documents, browser):
    documents.add()
    for text in NOT_URLS:
        client = OAuthClient(gateway, browser, text.format(port=documents.port))
        assert client.authorize().status_code == 400, text
    assert documents.requests == []


# As in AppAuth's and the MCP SDKs' rules: nothing but the port of a loopback address may differ.
REGISTERED = [
    "https://client.test/callback",
    "http://127.0.0.1:33418/callback",
    "http://[::1]/callback",
    "http://localhost/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    "com.example.app:/callback",
]
GOOD = [
    *REGISTERED,
    "http://127.0.0.1/callback",
    "http://127.0.0.1:1/callback",
    "http://[::1]:50000/callback",
    "http://localhost:50000/callback",
]
BAD = [
    "https://client.test:443/callback",
    "https://client.test:8443/callback",
    "https://CLIENT.test/callback",
    "https://client.test/Callback",
    "https://client.test/callback/",
    "https://client.test/callback?x",
    "https://client.test/callback#",
    "https://client.test/callback#x",
    "https://user@client.test/callback",
    "https://client.test@evil.test/callback",
    "https://client.test\\@evil.test/callback",
    "https://client.test.evil.test/callback",
    "https://client.test/x/../callback",
    "https://client.test/%63allback",
    "http://client.test/callback",
    "https://127.0.0.1/callback",
    "http://127.0.0.1:65536/callback",
    "http://127.0.0.1:80:81/callback",
    "http://user@127.0.0.1:50000/callback",
    "http://127.0.0.1:50000/callback#x",
    "http://127.0.0.1:50000/other",
    "http://127.0.0.2:50000/callback",
    "http://127.1/callback",
    "http://LOCALHOST/callback",
    "cursor://anysphere.cursor-mcp:1/oauth/callback",
    "CURSOR://anysphere.cursor-mcp/oauth/callback",
    "cursor://evil/oauth/callback",
    "com.example.app:/callback/x",
    "com.example.app://callback",
]


def test_redirect_uris_are_those_of_the_document(gateway, documents, browser):
    client = OAuthClient(gateway, browser, documents.add(redirect_uris=REGISTERED))
    for uri in GOOD:
        assert client.authorize(redirect_uri=uri).status_code == 200, uri
    for uri in BAD:
        answer = client.authorize(redirect_uri=uri)
        assert (answer.status_code, "Location" in answer.headers) == (400, False), uri
    assert documents.count() == 1


def test_a_name_is_shown_as_plain_text(gateway, documents, browser):
    name = "<b>Google</b>\u202e\u200b\0 \n Inc." + "́" * 50 + "x" * 2000
    client = OAuthClient(gateway, browser, documents.add(client_name=name))
    text = client.authorize().text
    assert "&lt;b&gt;Google&lt;/b&gt; Inc." in text
    assert not {"\u202e", "\u200b", "\0"} & set(text)
    assert "xxx…" in text
    assert "x" * 60 not in text
    nameless = OAuthClient(gateway, browser, documents.add("no-name.json", client_name=["a"]))
    assert "Allow <strong>localhost</strong>?" in nameless.authorize().text


def test_many_at_once_ask_once(gateway, documents, browser):
    url = documents.add()
    jar = browser.cookies

    def ask(_):
        own = Browser(gateway)
        own.cookies.update(jar)
        return OAuthClient(gateway, own, url).authorize().status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {200}
    assert documents.count() == 1


def test_strangers_cannot_have_documents_fetched_without_end(gateway, documents):
    browser = Browser(gateway)
    statuses = [
        OAuthClient(gateway, browser, documents.url(f"{number}.json")).authorize().status_code
        for number in range(15)
    ]
    assert statuses[0] == 400
    assert statuses[-1] == 429
    assert len(documents.requests) < 15
    # Others go on.
    other = Browser(gateway, "127.0.0.9")
    client = OAuthClient(gateway, other, documents.add("new.json"))
    assert client.authorize().status_code == 302


def test_neither_token_nor_revoke_fetch_anything(gateway, documents):
    client = OAuthClient(gateway, Browser(gateway), documents.add())
    status, refused = client.redeem("gp_ac_" + "A" * 43)
    assert (status, refused["reason"]) == (400, "unknown-code")
    client.post("revoke", token="gp_rt_nothing")
    elsewhere = OAuthClient(gateway, Browser(gateway), "https://evil.test/client.json")
    assert elsewhere.redeem("gp_ac_" + "A" * 43)[1]["error"] == "invalid_client"
    assert documents.requests == []


def test_tokens_stop_with_their_host(gateway, documents, browser):
    client = OAuthClient(gateway, browser, documents.add())
    tokens = client.tokens()
    assert client.get(tokens["access_token"]).status_code == 200
    settings = yaml.safe_load(gateway.config_path.read_text())
    settings["tokens"] = {**HOSTS, "metadata_documents": ["elsewhere.test"]}
    gateway.config_path.write_text(json.dumps(settings))
    wait_until(
        lambda: client.get(tokens["access_token"]).status_code == 401,
        gateway.process,
        "tokens of a host that is not named any more to stop",
    )
    assert client.refresh(tokens["refresh_token"])[1]["error"] == "invalid_client"
    assert client.authorize().status_code == 400


def test_no_document_comes_from_the_own_network(gateway_process, echo_app, documents):
    gateway = gateway_process(
        {
            "upstreams": {"app": {"url": echo_app}},
            "auth_mode": "standalone",
            "tokens": {"metadata_documents": ["*"]},
        },
        env={"SSL_CERT_FILE": str(documents.ca)},
    )
    for host in ("localhost", "127.0.0.1", "169.254.169.254", "0x7f.1"):
        client = OAuthClient(gateway, Browser(gateway), f"https://{host}/client.json")
        assert client.authorize().status_code == 503, host
    assert "its address is not on the public internet" in gateway.log()
    with_port = OAuthClient(gateway, Browser(gateway), documents.add())
    assert with_port.authorize().status_code == 400
    assert documents.requests == []
