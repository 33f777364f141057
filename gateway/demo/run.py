"""`gatepost demo`: provider, app and the real gateway in front of it, on loopback."""

import asyncio
import errno
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import yaml
from aiohttp import web

from gateway.demo import app, phone
from gateway.demo.clients import Client
from gateway.demo.phone import Phone
from gateway.demo.provider import Provider

HOST = "127.0.0.1"
CLIENT_ID = "demo"
_POLL_S = 0.05
_START_S = 20
_STOP_S = 10


class DemoError(Exception):
    """The demo cannot run; the message is one line and says why."""


async def run(port: int, tell: Callable[[str], None]) -> None:
    """Run the demo until SIGINT or SIGTERM; `tell` prints the guide.

    Raises:
        DemoError: A port is taken, or the gateway exited.
    """
    port = _free_port(port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-demo-")))
        upstream = await stack.enter_async_context(_serving(app.application(), 0))
        client, phone_port = _client(port), _free_port(0)
        phone_url = f"http://{HOST}:{phone_port}"
        # The demo is outside assembly/serving.py, so it chooses its own clock.
        provider = await Provider.start([client, _phone_client(phone_url)], time.time)  # noqa: TID251
        stack.push_async_callback(provider.aclose)
        admin_port = _free_port(0)
        settings = configuration(port, admin_port, upstream, provider.issuer, client, directory)
        secret_path = directory / "client_secret"
        secret_path.touch(mode=0o600)
        secret_path.write_text(client.client_secret or "", "utf-8")
        config_path = directory / "gatepost.yaml"
        config_path.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")
        gateway = await stack.enter_async_context(_gateway(config_path, port))
        app_on_phone = Phone(phone_url, provider.issuer, f"http://localhost:{port}")
        await stack.enter_async_context(_serving(app_on_phone.application(), phone_port))
        tell(guide(port, admin_port, provider.issuer, phone_url, config_path))
        await _either(stopped.wait(), gateway.wait())
        if not stopped.is_set():
            raise DemoError(f"the gateway ended with status {gateway.returncode}")


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


@asynccontextmanager
async def _serving(application: web.Application, port: int) -> AsyncIterator[str]:
    """Serve `application` on `port` (0 for any free port); yields its URL."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        listener = socket.create_server((HOST, port))
        await web.SockSite(runner, listener).start()
        yield f"http://{HOST}:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _gateway(config_path: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """`gatepost serve` with that file in a separate process, so that it is the real thing."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.demo.tied", "serve", "-c", str(config_path)),
        stdin=asyncio.subprocess.PIPE,
        # Ctrl-C reaches the whole foreground process group, but the gateway must end last.
        start_new_session=True,
    )
    try:
        await _listening(process, port)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _listening(process: asyncio.subprocess.Process, port: int) -> None:
    try:
        async with asyncio.timeout(_START_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection(HOST, port)
                except OSError:
                    await asyncio.sleep(_POLL_S)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return
    except TimeoutError as error:
        raise DemoError(f"the gateway did not listen within {_START_S} s") from error
    raise DemoError(f"the gateway did not start: it ended with status {process.returncode}")


async def _either(*waiting: Coroutine[None, None, object]) -> None:
    """Wait until one of `waiting` is done, and cancel the others."""
    tasks = [asyncio.Task(coroutine) for coroutine in waiting]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


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


def _free_port(port: int) -> int:
    """`port`, or a free one if it is 0.

    Raises:
        DemoError: The port is taken, or not allowed.
    """
    try:
        with closing(socket.create_server((HOST, port))) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise DemoError(
                f"port {port} is taken: choose another with --port, or PORT= for make"
            ) from error
        raise DemoError(f"cannot listen on port {port}: {error.strerror}") from error
