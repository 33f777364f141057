"""The MCP makers' own client finds the gateway, signs a person in, and calls tools."""

import asyncio
import html
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import requests
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata

from tests.e2e.browsing import Browser
from tests.e2e.documents import DocumentServer
from tests.e2e.oauth_client import QUESTION
from tests.fixtures.accounts import add

REDIRECT = "http://127.0.0.1:33418/callback"
RULES = [{"user": "ann", "mcp_tool": "read_*"}, {"user": "ann", "mcp_method": "*"}]
DENIED = [{"mcp_tool": "delete_*"}]


class Storage:
    """What the SDK keeps."""

    def __init__(self, client=None):
        self.client = client
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client_info):
        self.client = client_info


class Person:
    """Somebody at a browser, who is shown what the SDK opens."""

    def __init__(self, gateway, user="ann"):
        self.browser = Browser(gateway)
        self.user = user
        self.opened = []
        self.arrived = None

    async def open(self, url):
        self.opened.append(url)
        self.arrived = await asyncio.to_thread(self._walk, url)

    def _walk(self, url):
        path = url.removeprefix(self.browser.url)
        answer = self.browser.page(path)
        if answer.headers.get("Location", "").startswith("/_gatepost/sign-in"):
            asked = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
            assert self.browser.sign_in(self.user, **asked).status_code == 303
            answer = self.browser.page(asked["return_to"])
        if answer.status_code == 200:
            question = html.unescape(QUESTION.search(answer.text)[1])
            answer = self.browser.form("/_gatepost/consent", question=question, answer="allow")
        return answer.headers["Location"]

    async def come_back(self):
        told = dict(parse_qsl(urlsplit(self.arrived).query))
        assert self.arrived.startswith(REDIRECT), self.arrived
        return AuthorizationCodeResult(
            code=told.get("code", told.get("error", "")), state=told["state"], iss=told["iss"]
        )


@asynccontextmanager
async def connected(gateway, person, storage, document=None):
    """The SDK's client, which knows nothing but the URL of the server."""
    url = f"{gateway.base_url}/mcp"
    metadata = OAuthClientMetadata(
        redirect_uris=[REDIRECT], client_name="Notes for you", token_endpoint_auth_method="none"
    )
    auth = OAuthClientProvider(
        url,
        metadata,
        storage,
        redirect_handler=person.open,
        callback_handler=person.come_back,
        client_metadata_url=document,
    )
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60, follow_redirects=True) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def known(client_id="cli"):
    return Storage(
        OAuthClientInformationFull(
            client_id=client_id, redirect_uris=[REDIRECT], token_endpoint_auth_method="none"
        )
    )


@pytest.fixture
def start(start_standalone, mcp_server):
    def run(**tokens):
        gateway = start_standalone(
            upstreams={"notes": f"http://127.0.0.1:{mcp_server}"},
            tokens={
                "clients": {"cli": {"redirect_uris": ["http://127.0.0.1/callback"]}},
                **tokens,
            },
            routes=[
                {
                    "name": "mcp",
                    "path": "/mcp",
                    "mcp": True,
                    "access": {"allow": RULES, "deny": DENIED},
                },
                {"name": "rest", "prefix": "/", "access": "signed_in"},
            ],
        )
        add(gateway, "ann")
        return gateway

    return run


async def test_a_client_signs_a_person_in_and_calls_a_tool(start):
    gateway = start()
    person, storage = Person(gateway), known()

    async with connected(gateway, person, storage) as client:
        tools = await client.list_tools()
        assert [it.name for it in tools.tools] == ["read_note", "delete_note"]
        found = await client.call_tool("read_note", {"note": "7"})
        assert found.content[0].text == "Buy milk"

    [opened] = person.opened
    asked = dict(parse_qsl(urlsplit(opened).query))
    assert asked["resource"] == f"{gateway.base_url}/mcp"
    assert asked["code_challenge_method"] == "S256"
    event = await asyncio.to_thread(gateway.wait_for_audit, mcp_tool="read_note")
    assert (event["user"], event["credential"]) == ("ann", "token")
    assert storage.tokens.access_token not in gateway.log()

    # The tokens are kept: nobody is asked again.
    async with connected(gateway, person, storage) as client:
        await client.list_tools()
    assert len(person.opened) == 1

    listed = person.browser.get(f"{gateway.base_url}/_gatepost/api/sessions").json()
    assert [it["kind"] for it in listed if not it["current"]] == ["token"]
    page = person.browser.page("/_gatepost/account").text
    assert page.count("<strong>cli</strong>") == 2  # A session, and a connected app.


async def test_a_client_that_nobody_knows_registers_itself(start):
    gateway = start(registration="open", metadata_documents=[])
    person, storage = Person(gateway), Storage()
    async with connected(gateway, person, storage) as client:
        found = await client.call_tool("read_note", {"note": "7"})
        assert found.content[0].text == "Buy milk"
    assert storage.client.client_id.startswith("gpc_")
    assert storage.client.client_name == "Notes for you"


async def test_a_client_brings_its_document_rather_than_register(start, tmp_path, monkeypatch):
    documents = DocumentServer(tmp_path / "documents")
    try:
        monkeypatch.setenv("SSL_CERT_FILE", str(documents.ca))
        gateway = start(
            registration="open",
            metadata_documents=["localhost"],
            insecure_metadata_addresses=True,
        )
        url = documents.add(redirect_uris=[REDIRECT], client_name="Notes for you")
        person, storage = Person(gateway), Storage()
        async with connected(gateway, person, storage, url) as client:
            found = await client.call_tool("read_note", {"note": "7"})
            assert found.content[0].text == "Buy milk"
        assert storage.client.client_id == url
        assert documents.count() == 1
    finally:
        documents.stop()


async def test_the_rules_about_tools_hold_for_tokens(start):
    gateway = start()
    person, storage = Person(gateway), known()
    with pytest.raises(Exception):  # noqa: B017, PT011 - the SDK has no one error for it
        async with connected(gateway, person, storage) as client:
            await client.call_tool("delete_note", {"note": "7"})
    event = await asyncio.to_thread(gateway.wait_for_audit, mcp_tool="delete_note")
    assert (event["user"], event["status"]) == ("ann", 403)


async def test_a_person_who_may_not_enter_gets_no_token(start):
    gateway = start()
    await asyncio.to_thread(add, gateway, "bob")
    person, storage = Person(gateway, "bob"), known()
    with pytest.raises(Exception):  # noqa: B017, PT011 - the SDK has no one error for it
        async with connected(gateway, person, storage) as client:
            await client.list_tools()
    assert "error=access_denied" in person.arrived
    assert storage.tokens is None


async def test_a_client_whose_session_was_ended_signs_the_person_in_again(start):
    gateway = start()
    person, storage = Person(gateway), known()
    async with connected(gateway, person, storage) as client:
        await client.list_tools()
    issuer = f"{gateway.base_url}/_gatepost"
    listed = person.browser.get(f"{issuer}/api/sessions").json()
    [session] = [it for it in listed if it["kind"] == "token"]
    ended = await asyncio.to_thread(
        person.browser.delete,
        f"{issuer}/api/sessions/{session['id']}",
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    assert ended.status_code == 204
    async with connected(gateway, person, storage) as client:
        await client.list_tools()
    assert len(person.opened) == 2


def test_a_request_without_a_token_is_told_where_to_go(start):
    gateway = start()
    answer = requests.post(f"{gateway.base_url}/mcp", json={}, timeout=30)
    assert answer.status_code == 401
    where = f"{gateway.base_url}/.well-known/oauth-protected-resource/mcp"
    assert f'resource_metadata="{where}"' in answer.headers["WWW-Authenticate"]
    found = requests.get(where, timeout=30).json()
    assert found["resource"] == f"{gateway.base_url}/mcp"
    assert found["authorization_servers"] == [f"{gateway.base_url}/_gatepost"]
