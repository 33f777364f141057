"""The MCP makers' TypeScript client finds the gateway, signs a person in, and calls a tool."""

import asyncio
import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.test_mcp_clients import Person, start
from tests.fixtures.gateway import clean_environment

__all__ = ["start"]

CLIENT = Path(__file__).parents[1] / "clients" / "mcp.mjs"


async def walked(gateway, client):
    """What the client tells at its end, and what it opened in the person's browser."""
    person = Person(gateway)
    process = await asyncio.create_subprocess_exec(
        "node",
        str(CLIENT),
        f"{gateway.base_url}/mcp",
        *([] if client is None else [json.dumps({"client_id": client})]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment({}),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            said = json.loads(line)
            if "told" in said:
                return said["told"], person.opened
            await person.open(said["open"])
            process.stdin.write(person.arrived.encode() + b"\n")
            await process.stdin.drain()
        pytest.fail((await process.stderr.read()).decode())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_it_signs_a_person_in_calls_a_tool_and_renews_its_tokens(start):
    told, opened = await walked(start(), "cli")

    assert told["tools"] == ["read_note", "delete_note"]
    assert (told["called"], told["again"]) == ("Buy milk", "Buy milk")
    assert told["renewed"]
    assert len(opened) == 1
