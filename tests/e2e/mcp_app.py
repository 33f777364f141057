"""An MCP server of notes, as its makers' SDK writes one: ``python mcp_app.py PORT``."""

import sys

from mcp.server.mcpserver import MCPServer

app = MCPServer("notes")
NOTES = {"7": "Buy milk"}


@app.tool()
def read_note(note: str) -> str:
    """Read a note."""
    return NOTES.get(note, "there is no such note")


@app.tool()
def delete_note(note: str) -> str:
    """Delete a note."""
    return NOTES.pop(note, "there is no such note")


if __name__ == "__main__":
    app.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
