"""`gatepost demo --standalone`: the app and the real gateway, without a provider."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.demo import app
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
        upstream = await stack.enter_async_context(serving(app.application(), 0))
        config_path = written(configuration(port, upstream, directory), directory)
        process = await stack.enter_async_context(gateway(config_path, port, look))
        try:
            async with asyncio.timeout(_TOKEN_S):
                told = await token
        except TimeoutError as error:
            raise DemoError(f"the gateway logged no setup token within {_TOKEN_S} s") from error
        tell(guide(port, told, config_path))
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
        "routes": [
            {"name": "public", "prefix": "/public", "access": "public"},
            {"name": "admin", "prefix": "/admin", "access": {"allow": [{"group": "admins"}]}},
            {"name": "everything", "prefix": "/", "access": "signed_in"},
        ],
    }


def guide(port: int, token: str, config_path: Path) -> str:
    """The instructions to print."""
    url = f"http://localhost:{port}"
    return f"""\
Gatepost demo without a provider. It ends with Ctrl-C and leaves nothing behind.

Open {url}/ in a browser and make the first administrator. The setup token is
  {token}

Then try:
  {url}/          the app, once you are signed in
  {url}/public    for everybody
  {url}/_gatepost/account     your sessions, password and API keys
  {url}/_gatepost/logout

In another terminal:
  gatepost accounts add bob --group admins -c {config_path}
  gatepost accounts list -c {config_path}
  gatepost accounts reset-password bob -c {config_path}

Sign in as bob in a private window:
  {url}/admin     for bob only, because of his group

The configuration is {config_path}
"""
