"""The demo's app, over a real socket."""

import base64
import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp.test_utils import TestClient

from gateway.demo.app import Places, application, decoded_claims


@pytest.fixture
async def client(aiohttp_client: Callable[..., Awaitable[TestClient]]) -> TestClient:
    places = Places("http://localhost:8080", "http://127.0.0.1:1", "http://127.0.0.1:2")
    return await aiohttp_client(application(places))


def assertion(claims: object) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"e30.{encoded}.c2ln"


async def test_it_greets_whom_the_fields_name(client: TestClient) -> None:
    fields = {
        "Remote-User": "zoë",
        "Remote-Name": "Zoë <Z>",
        "Gatepost-Assertion": assertion({"sub": "zoë"}),
    }

    async with client.get("/me", headers=fields) as response:
        text = await response.text()

    assert "Hello, Zoë &lt;Z&gt;" in text
    assert "&#34;sub&#34;: &#34;zoë&#34;" in text
    assert "Remote-Email" not in text


async def test_a_stranger_is_greeted_as_one(client: TestClient) -> None:
    async with client.get("/me") as response:
        assert "Hello, stranger" in await response.text()


async def test_the_tour_begins_with_the_sign_in_and_leads_everywhere(client: TestClient) -> None:
    async with client.get("/") as response:
        text = await response.text()

    assert "login_hint=alice" in text
    assert "curl -i -X POST http://localhost:8080/mcp" in text
    for place in ("/me", "/admin", "/_gatepost/account", "/_gatepost/admin", "http://127.0.0.1:2/"):
        assert f'href="{place}"' in text

    async with client.get("/", headers={"Remote-User": "bob", "Remote-Groups": "a,b"}) as response:
        text = await response.text()
    assert "<strong>bob</strong>" in text
    assert "a, b" in text
    assert "login_hint" not in text


@pytest.mark.parametrize(
    ("method", "params", "expected"),
    [
        ("tools/call", {"name": "who_am_i"}, "You are bob."),
        ("tools/call", {"name": "delete_everything"}, "bob has deleted everything."),
        ("tools/call", {"name": "x"}, "unknown tool"),
        ("x", {}, "unknown method"),
        ("initialize", {}, "protocolVersion"),
    ],
)
async def test_the_mcp_server_answers(
    client: TestClient, method: str, params: dict[str, str], expected: str
) -> None:
    message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}

    async with client.post("/mcp", json=message, headers={"Remote-User": "bob"}) as response:
        text = await response.text()

    assert json.loads(text)["id"] == 7
    assert expected in text


async def test_the_mcp_server_takes_notifications(client: TestClient) -> None:
    async with client.post("/mcp", json={"method": "notifications/initialized"}) as response:
        assert (response.status, await response.text()) == (202, "")


async def test_fields_are_told_in_order_and_repeated(client: TestClient) -> None:
    async with client.get("/headers", headers=[("X-A", "1"), ("x-b", "2"), ("X-A", "3")]) as found:
        fields = (await found.json())["fields"]

    assert [f for f in fields if f[0].lower().startswith("x-")] == [
        ["X-A", "1"],
        ["x-b", "2"],
        ["X-A", "3"],
    ]


async def test_echo_gives_back_body_method_and_target(client: TestClient) -> None:
    async with client.put("/echo/a%2Fb?c", data=b"\x00\xff" * 100_000) as response:
        assert await response.read() == b"\x00\xff" * 100_000
        assert response.headers["X-Echo-Method"] == "PUT"
        assert response.headers["X-Echo-Length"] == "200000"


async def test_the_first_tick_comes_at_once(client: TestClient) -> None:
    async with client.get("/stream?ticks=1") as response:
        assert response.content_type == "text/event-stream"
        assert await response.text() == "id: 0\ndata: tick 0\n\n"


async def test_websocket_messages_come_back(client: TestClient) -> None:
    async with client.ws_connect("/ws") as socket:
        await socket.send_str("héllo")
        await socket.send_bytes(b"\x00\x01")

        assert await socket.receive_str() == "héllo"
        assert await socket.receive_bytes() == b"\x00\x01"


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "a.!.c", "a.W10.c.d", "a.b.c.d.e"])
def test_what_is_no_assertion_shows_nothing(text: str) -> None:
    assert decoded_claims(text) == ""
