"""The demo's MCP server, which knows nothing of sign-in (MCP 2025-06-18, Streamable HTTP).

The gateway decides who may call which tool, and says who calls.
"""

from typing import Any

from aiohttp import web

VERSION = "2025-06-18"
PATH = "/mcp"
_METHOD_NOT_FOUND, _INVALID_PARAMS = -32601, -32602
_NO_INPUT = {"type": "object", "properties": {}}
TOOLS = {
    "who_am_i": "Say who you are to this server.",
    "delete_everything": "Delete everything. The gateway's rules let only administrators call it.",
}


async def answer(request: web.Request) -> web.Response:
    """Answers one JSON-RPC message."""
    message = await request.json()
    if "id" not in message:
        return web.Response(status=202)
    return web.json_response({"jsonrpc": "2.0", "id": message["id"], **_outcome(request, message)})


def _outcome(request: web.Request, message: dict[str, Any]) -> dict[str, object]:
    method = message.get("method")
    if method == "initialize":
        server = {"name": "demo", "version": "1"}
        capabilities: dict[str, object] = {"tools": {}}
        return _result(protocolVersion=VERSION, capabilities=capabilities, serverInfo=server)
    if method == "tools/list":
        tools = [{"name": it, "description": TOOLS[it], "inputSchema": _NO_INPUT} for it in TOOLS]
        return _result(tools=tools)
    if method != "tools/call":
        return {"error": {"code": _METHOD_NOT_FOUND, "message": "unknown method"}}
    tool = message.get("params", {}).get("name")
    if tool not in TOOLS:
        return {"error": {"code": _INVALID_PARAMS, "message": "unknown tool"}}
    user = request.headers.get("Remote-User", "nobody")
    said = f"You are {user}." if tool == "who_am_i" else f"{user} has deleted everything."
    return _result(content=[{"type": "text", "text": said}])


def _result(**members: object) -> dict[str, object]:
    return {"result": members}
