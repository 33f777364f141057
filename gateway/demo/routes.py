"""The routes of both demos, as an operator would write them."""

from gateway.demo import mcp_client, mcp_server

# Whoever connects a client may say hello and see the tools.
_HELLO = ["initialize", "notifications/*", "tools/list", "ping"]
ROUTES: list[dict[str, object]] = [
    {"name": "public", "prefix": "/public", "access": "public"},
    {"name": "tour", "path": "/", "access": "optional"},
    {"name": "admin", "prefix": "/admin", "access": {"allow": [{"group": "admins"}]}},
    {
        "name": "mcp",
        "prefix": mcp_server.PATH,
        "mcp": True,
        "access": {
            "allow": [{"group": "admins"}, {"mcp_method": _HELLO}, {"mcp_tool": "who_am_i"}]
        },
    },
    {"name": "everything", "prefix": "/", "access": "signed_in"},
]
ADMINS: list[dict[str, object]] = [{"group": "admins"}]


def assistant(host: str) -> dict[str, object]:
    """The MCP client, in `tokens.clients`."""
    # RFC 8252, section 7.3: for a loopback address any port matches.
    uri = f"http://{host}{mcp_client.CALLBACK_PATH}"
    return {mcp_client.CLIENT_ID: {"name": mcp_client.SITE, "redirect_uris": [uri]}}
