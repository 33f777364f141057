"""A development OpenID provider: standards-conforming, in memory, and without passwords.

Anyone can sign in as any user, so it binds to loopback only.  To run it as a separate process:
``python -m gateway.demo.provider --port 0 --client '{"client_id": …, "redirect_uris": […]}'``
prints one line of JSON with the issuer when it is ready.
"""

import argparse
import asyncio
import ipaddress
import json
import signal
import socket
import time
from collections.abc import Iterable

from aiohttp import web

from gateway.demo.authorization import PROMPTS, SCOPES
from gateway.demo.browser_endpoints import BrowserEndpoints
from gateway.demo.client_endpoints import ClientEndpoints
from gateway.demo.clients import Client
from gateway.demo.signing import ALGORITHMS
from gateway.demo.state import State
from gateway.storage.store import Clock

METADATA_PATH = "/.well-known/openid-configuration"


class NotLoopbackError(ValueError):
    """The listen address is reachable from other machines."""


class Provider:
    """The provider, listening on one socket."""

    def __init__(self, state: State, runner: web.AppRunner) -> None:
        self.state = state
        self._runner = runner

    @property
    def issuer(self) -> str:
        """Its issuer identifier and base URL."""
        return self.state.issuer

    @classmethod
    async def start(
        cls, clients: Iterable[Client], clock: Clock, *, host: str = "127.0.0.1", port: int = 0
    ) -> "Provider":
        """Listen on `host` and `port` (0 for any free port).

        Raises:
            NotLoopbackError: `host` is not a loopback address.
            OSError: The port is taken.
        """
        listener = _listen(host, port)
        name = f"[{host}]" if ":" in host else host
        issuer = f"http://{name}:{listener.getsockname()[1]}"
        # In a thread, because generating RSA keys takes a moment.
        by_id = {client.client_id: client for client in clients}
        state = await asyncio.to_thread(State, issuer, by_id, clock)
        runner = web.AppRunner(application(state), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        return cls(state, runner)

    async def aclose(self) -> None:
        """Stop listening and forget everything."""
        await self._runner.cleanup()


def application(state: State) -> web.Application:
    """All endpoints over `state`."""
    browser, client = BrowserEndpoints(state), ClientEndpoints(state)

    async def metadata(request: web.Request) -> web.Response:
        return web.json_response(discovery(state.issuer))

    app = web.Application()
    app.add_routes(
        [
            web.get(METADATA_PATH, metadata),
            web.get("/authorize", browser.authorize),
            web.post("/authorize", browser.authorize),
            web.post("/sign-in", browser.sign_in),
            web.post("/consent", browser.consent),
            web.get("/end-session", browser.end_session),
            web.post("/end-session", browser.end_session),
            web.post("/token", client.token),
            web.get("/userinfo", client.userinfo),
            web.post("/userinfo", client.userinfo),
            web.get("/jwks", client.jwks),
            web.post("/revoke", client.revoke),
            web.post("/introspect", client.introspect),
        ]
    )
    return app


def discovery(issuer: str) -> dict[str, object]:
    """The metadata document (OpenID Connect Discovery 1.0, section 3; RFC 8414; RFC 9207)."""
    methods = ["client_secret_basic", "client_secret_post", "none"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "end_session_endpoint": f"{issuer}/end-session",
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods[:2],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": sorted(PROMPTS),
        "claims_supported": [
            *("sub", "name", "preferred_username", "email", "email_verified"),
            *("groups", "roles", "auth_time", "acr", "amr", "sid"),
        ],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "request_parameter_supported": False,
        # Its default is true (OpenID Connect Discovery 1.0, section 3).
        "request_uri_parameter_supported": False,
    }


def _listen(host: str, port: int) -> socket.socket:
    if not ipaddress.ip_address(host).is_loopback:
        raise NotLoopbackError(f"{host} is not a loopback address: this provider asks no passwords")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


async def _run(host: str, port: int, clients: list[Client]) -> None:
    # A separate process chooses its own clock, as assembly/serving.py does for the gateway.
    provider = await Provider.start(clients, time.time, host=host, port=port)  # noqa: TID251
    print(json.dumps({"issuer": provider.issuer}), flush=True)  # noqa: T201
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    await provider.aclose()


def main() -> None:
    """Run the provider until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="gateway.demo.provider", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--client", action="append", default=[], help="a client as JSON")
    options = parser.parse_args()
    try:
        clients = [Client.from_metadata(json.loads(text)) for text in options.client]
        asyncio.run(_run(options.host, options.port, clients))
    except (ValueError, TypeError, OSError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
