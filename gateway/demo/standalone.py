"""`gatepost demo --standalone`: the app and the real gateway, without a provider."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.demo import app
from gateway.demo.app import Places
from gateway.demo.mcp_client import Assistant
from gateway.demo.routes import ADMINS, ROUTES, assistant
from gateway.demo.running import (
    HOST,
    DemoError,
    free_port,
    gateway,
    serving,
    stop_signals,
    until_stopped,
    written,
)
from gateway.kinds import ADMIN_ROLE, LOCAL

_TOKEN = re.compile(r"setup token: ([0-9a-f]{32}) ")
_TOKEN_S = 20


async def run(port: int, tell: Callable[[str], None]) -> None:
    """Run the demo until SIGINT or SIGTERM; `tell` prints the guide.

    Raises:
        DemoError: A port is taken, or the gateway exited.
    """
    port = free_port(port)
    stopped = stop_signals()
    token: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def look(line: str) -> None:
        found = _TOKEN.search(line)
        if found is not None and not token.done():
            token.set_result(found[1])

    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-demo-")))
        assistant_port = free_port(0)
        assistant_url, url = f"http://{HOST}:{assistant_port}", f"http://localhost:{port}"
        places = Places(url, assistant_url, has_people=False)
        upstream = await stack.enter_async_context(serving(app.application(places), 0))
        config_path = written(configuration(port, upstream, directory), directory)
        process = await stack.enter_async_context(gateway(config_path, port, look))
        try:
            async with asyncio.timeout(_TOKEN_S):
                told = await token
        except TimeoutError as error:
            raise DemoError(f"the gateway logged no setup token within {_TOKEN_S} s") from error
        client = Assistant(assistant_url, url).application()
        await stack.enter_async_context(serving(client, assistant_port))
        tell(guide(places, told, config_path))
        await until_stopped(stopped, process)


def configuration(port: int, upstream: str, directory: Path) -> dict[str, object]:
    """The demo gateway's configuration file, as an operator would write it."""
    return {
        "auth_mode": "standalone",
        "public_url": f"http://localhost:{port}",
        "server": {"listen": f"{HOST}:{port}", "admin_listen": f"{HOST}:{free_port(0)}"},
        "data_dir": str(directory / "data"),
        "upstreams": {"app": upstream},
        "api_keys": {"grantable_scopes": ["notes:read", "notes:write"]},
        "tokens": {"clients": assistant(HOST)},
        # Whoever sets up the gateway has no groups yet.
        "admins": [*ADMINS, {"provider": LOCAL, "role": ADMIN_ROLE}],
        "routes": ROUTES,
    }


def guide(places: Places, token: str, config_path: Path) -> str:
    """The instructions to print."""
    url = places.url
    return f"""\
Gatepost demo without a provider. It ends with Ctrl-C and leaves nothing behind.

Open {url}/ in a browser, and sign in: you create the first administrator. The setup token is
  {token}

Then try:
  {url}/          a tour
  {url}/public    for everybody
  {url}/_gatepost/account     your sessions, password and API keys
  {url}/_gatepost/admin       the administrator's desk: invite a colleague
  {url}/_gatepost/logout
  {places.assistant_url}/          an MCP client, such as an AI assistant

In another terminal:
  gatepost accounts add bob --group admins -c {config_path}
  gatepost accounts list -c {config_path}
  gatepost accounts reset-password bob -c {config_path}

Sign in as bob in a private window:
  {url}/admin     for bob only, because of his group
  {url}/_gatepost/admin       the administrator's desk, for bob too

The configuration is {config_path}
"""
