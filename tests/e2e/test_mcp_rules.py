"""A real MCP server behind the gateway, and its makers' client, old and new: who may call what."""

import asyncio
import gzip
import hashlib
import json
import os
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from gateway.credentials.key_format import new_key

KEYS = {user: new_key(os.urandom) for user in ("ann", "boss", "guest")}
HANDSHAKE = ["initialize", "server/discover", "notifications/*", "ping"]
RULES = [
    {"user": "ann", "mcp_method": [*HANDSHAKE, "tools/list"]},
    {"user": "ann", "mcp_tool": "read_*"},
    {"user": "ann", "method": ["GET", "DELETE"]},
    {"user": "boss"},
]
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def call(tool, **members):
    params = {"name": tool, "arguments": {"note": "7"}}
    return {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params, **members}


@pytest.fixture
def gateway(mcp_server, gateway_process):
    """A gateway in front of it, which takes an API key of each of `KEYS`."""
    static = [
        {"name": user, "user": user, "sha256": hashlib.sha256(key.encode()).hexdigest()}
        for user, key in KEYS.items()
    ]
    return gateway_process(
        {
            "upstreams": {"notes": f"http://127.0.0.1:{mcp_server}"},
            "api_keys": {"static": static},
            "routes": [{"name": "mcp", "path": "/mcp", "access": {"allow": RULES}}],
        }
    )


@asynccontextmanager
async def talking(gateway, user, mode):
    """The SDK's client, with the key of `user`."""
    fields = {"Authorization": f"Bearer {KEYS[user]}"}
    async with httpx2.AsyncClient(headers=fields, timeout=30) as http:
        transport = streamable_http_client(f"{gateway.base_url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            yield client


MODES = pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])


@MODES
async def test_each_calls_the_tools_that_the_rules_give(gateway, mode):
    async with talking(gateway, "ann", mode) as client:
        tools = await client.list_tools()
        assert [it.name for it in tools.tools] == ["read_note", "delete_note"]
        found = await client.call_tool("read_note", {"note": "7"})
        assert found.content[0].text == "Buy milk"

    with pytest.raises(Exception):  # noqa: B017, PT011 - the SDK has no one error for it
        async with talking(gateway, "ann", mode) as client:
            await client.call_tool("delete_note", {"note": "7"})
    event = await asyncio.to_thread(gateway.wait_for_audit, mcp_tool="delete_note")
    assert (event["user"], event["status"]) == ("ann", 403)

    async with talking(gateway, "boss", mode) as client:
        found = await client.call_tool("delete_note", {"note": "7"})
        # Ann's call did not get there.
        assert found.content[0].text == "Buy milk"
    assert "delete_note" not in gateway.metrics()


@MODES
async def test_who_may_nothing_gets_nothing(gateway, mode):
    with pytest.raises(Exception):  # noqa: B017, PT011 - the SDK has no one error for it
        async with talking(gateway, "guest", mode) as client:
            await client.list_tools()
    event = await asyncio.to_thread(gateway.wait_for_audit, user="guest")
    assert event["status"] == 403


async def test_an_old_client_has_its_stream_and_ends_its_session(gateway):
    async with talking(gateway, "ann", "legacy") as client:
        await client.list_tools()
        await asyncio.to_thread(gateway.wait_for_audit, mcp_method="notifications/initialized")

    ended = await asyncio.to_thread(gateway.wait_for_audit, method="DELETE")
    assert (ended["decision"], ended["status"]) == ("allow", 200)
    assert "mcp_method" not in ended


LONG = {**LIST, "params": {"_meta": {"pad": "x" * 65536}}}
TWICE = json.dumps(LIST)[:-1] + ', "method": "tools/call"}'


@pytest.mark.parametrize(
    ("body", "fields", "status", "reason"),
    [
        ([LIST, call("delete_note")], {}, 403, "mcp-method-not-allowed"),
        (call("delete_note"), {}, 403, "mcp-method-not-allowed"),
        (TWICE, {}, 400, "mcp-unreadable"),
        (LIST, {"Mcp-Method": "tools/call"}, 400, "mcp-mismatch"),
        (call("read_note"), {"Mcp-Name": "delete_note"}, 400, "mcp-mismatch"),
        (LONG, {}, 413, "mcp-too-large"),
        (gzip.compress(json.dumps(LIST).encode(), mtime=0), {"Content-Encoding": "gzip"}, 400,
         "mcp-unreadable"),
        (json.dumps(call("read_note")).encode("utf-16"), {}, 400, "mcp-unreadable"),
    ],
    ids=["batch", "tool", "twice", "method differs", "name differs", "large", "gzip", "UTF-16"],
)  # fmt: skip
async def test_a_client_of_ones_own_gets_no_further(gateway, body, fields, status, reason):
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    fields = {"X-API-Key": KEYS["ann"], "Content-Type": "application/json", **fields}

    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{gateway.base_url}/mcp", content=content, headers=fields)

    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


async def test_without_a_key_it_is_401_whatever_is_sent(gateway):
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{gateway.base_url}/mcp", content=b"x" * 200_000)

    assert answer.status_code == 401
