"""`gatepost demo`: provider, app and the real gateway in front of it, on loopback."""

import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.demo import app, phone
from gateway.demo.clients import Client
from gateway.demo.phone import Phone
from gateway.demo.provider import Provider
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
        upstream = await stack.enter_async_context(serving(app.application(), 0))
        client, phone_port = _client(port), free_port(0)
        phone_url = f"http://{HOST}:{phone_port}"
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
        app_on_phone = Phone(phone_url, provider.issuer, f"http://localhost:{port}")
        await stack.enter_async_context(serving(app_on_phone.application(), phone_port))
        tell(guide(port, admin_port, provider.issuer, phone_url, config_path))
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
                "label": "Sign in at the development provider",
            }
        },
        "api_keys": {"grantable_scopes": ["notes:read", "notes:write"]},
        "tokens": {
            "clients": {
                phone.CLIENT_ID: {
                    "provider": "development",
                    # RFC 8252, section 7.3: for a loopback address any port matches.
                    "redirect_uris": [f"http://{HOST}{phone.CALLBACK_PATH}"],
                }
            }
        },
        "routes": [
            {"name": "public", "prefix": "/public", "access": "public"},
            {"name": "admin", "prefix": "/admin", "access": {"allow": [{"group": "admins"}]}},
            {"name": "everything", "prefix": "/", "access": "signed_in"},
        ],
    }


def guide(port: int, admin_port: int, issuer: str, phone_url: str, config_path: Path) -> str:
    """The instructions to print."""
    url = f"http://localhost:{port}"
    return f"""\
Gatepost demo. It ends with Ctrl-C and leaves nothing behind.

Open in a browser:
  {url}/          sign in as alice, bob, carol or anybody
  {url}/admin     for alice only
  {url}/public    for everybody
  {url}/_gatepost/account     your sessions and API keys
  {url}/_gatepost/logout
  {phone_url}/          an app on a phone, which gets tokens

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
