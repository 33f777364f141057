"""`gatepost demo`: provider, app and the real gateway in front of it, on loopback."""

import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.demo import app, phone
from gateway.demo.app import Places
from gateway.demo.clients import Client
from gateway.demo.mcp_client import Assistant
from gateway.demo.phone import Phone
from gateway.demo.provider import Provider
from gateway.demo.routes import ADMINS, ROUTES, assistant
from gateway.demo.running import (
    HOST,
    free_port,
    gateway,
    serving,
    stop_signals,
    until_stopped,
    written,
)

CLIENT_ID = "demo"


async def run(port: int, tell: Callable[[str], None]) -> None:
    """Run the demo until a signal ends it; `tell` prints the guide.

    Raises:
        DemoError: A port is taken, or the gateway exited.
    """
    port = free_port(port)
    stopped = stop_signals()
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-demo-")))
        client, phone_port, assistant_port = _client(port), free_port(0), free_port(0)
        phone_url, assistant_url = (f"http://{HOST}:{it}" for it in (phone_port, assistant_port))
        url = f"http://localhost:{port}"
        places = Places(url, assistant_url, phone_url)
        upstream = await stack.enter_async_context(serving(app.application(places), 0))
        # The demo is outside assembly/serving.py, so it chooses its own clock.
        provider = await Provider.start([client, _phone_client(phone_url)], time.time)  # noqa: TID251
        stack.push_async_callback(provider.aclose)
        admin_port = free_port(0)
        settings = configuration(port, admin_port, upstream, provider.issuer, client, directory)
        secret_path = directory / "client_secret"
        secret_path.touch(mode=0o600)
        secret_path.write_text(client.client_secret or "", "utf-8")
        config_path = written(settings, directory)
        process = await stack.enter_async_context(gateway(config_path, port))
        for served, at in (
            (Phone(phone_url, provider.issuer, url), phone_port),
            (Assistant(assistant_url, url), assistant_port),
        ):
            await stack.enter_async_context(serving(served.application(), at))
        tell(guide(places, admin_port, provider.issuer, config_path))
        await until_stopped(stopped, process)


def configuration(
    port: int, admin_port: int, upstream: str, issuer: str, client: Client, directory: Path
) -> dict[str, object]:
    """The demo gateway's configuration file, as an operator would write it."""
    return {
        "public_url": f"http://localhost:{port}",
        "server": {"listen": f"{HOST}:{port}", "admin_listen": f"{HOST}:{admin_port}"},
        "data_dir": str(directory / "data"),
        "store": "memory",
        "upstreams": {"app": upstream},
        "providers": {
            "development": {
                "issuer": issuer,
                "client_id": client.client_id,
                "client_secret_file": str(directory / "client_secret"),
                "scopes": ["openid", "profile", "email", "offline_access"],
                "claims": {"user": "preferred_username"},
                "label": "Sign in with the development provider",
            }
        },
        "api_keys": {"grantable_scopes": ["notes:read", "notes:write"]},
        "tokens": {
            "clients": {
                phone.CLIENT_ID: {
                    "provider": "development",
                    # RFC 8252, section 7.3: for a loopback address any port matches.
                    "redirect_uris": [f"http://{HOST}{phone.CALLBACK_PATH}"],
                },
                **assistant(HOST),
            }
        },
        "admins": ADMINS,
        "routes": ROUTES,
    }


def guide(places: Places, admin_port: int, issuer: str, config_path: Path) -> str:
    """The instructions to print."""
    url = places.url
    return f"""\
Gatepost demo. It ends with Ctrl-C and leaves nothing behind.

Open in a browser:
  {url}/          a tour: sign in as alice, bob, carol or anybody
  {url}/admin     for alice only
  {url}/public    for everybody
  {url}/_gatepost/account     your sessions and API keys
  {url}/_gatepost/admin       the administrator's desk, for alice
  {url}/_gatepost/logout
  {places.phone_url}/          an app on a phone, which gets tokens
  {places.assistant_url}/          an MCP client, such as an AI assistant

Ask with curl:
  curl -i {url}/public           # 200, no identity
  curl -i {url}/headers          # 401, JSON that says where to sign in
  curl -H 'Remote-User: alice' {url}/public/headers   # what the app gets: the forged field is gone
  curl {url}/_gatepost/.well-known/jwks.json
  curl http://{HOST}:{admin_port}/metrics

The development provider is {issuer} (no passwords; loopback only).
The configuration is {config_path}
"""


def _client(port: int) -> Client:
    url = f"http://localhost:{port}"
    return Client(
        client_id=CLIENT_ID,
        client_secret=secrets.token_urlsafe(24),
        redirect_uris=(f"{url}/_gatepost/callback/development",),
        post_logout_redirect_uris=(f"{url}/_gatepost/logout",),
        backchannel_logout_uri=f"{url}/_gatepost/backchannel-logout/development",
    )


def _phone_client(phone_url: str) -> Client:
    return Client(client_id=phone.CLIENT_ID, redirect_uris=(phone_url + phone.CALLBACK_PATH,))
