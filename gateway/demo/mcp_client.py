"""The demo's MCP client, as an assistant on a desktop is one (MCP 2025-06-18, Authorization).

It knows nothing but the server's URL and its own client id.  Where to sign in it finds by itself,
and its page shows each step.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from aiohttp import web

from gateway.demo.mcp_server import PATH, VERSION
from gateway.demo.pkce import challenge, new_secret
from gateway.demo.state import page

CLIENT_ID = "demo-assistant"
SITE = "Demo assistant"
CALLBACK_PATH = "/callback"
_METADATA = re.compile(r'resource_metadata="([^"]+)"')
_OK, _UNAUTHORIZED = 200, 401


class StepError(Exception):
    """A step did not give what the next one needs; the message is for the page."""


@dataclass(slots=True)
class Connection:
    """What the client knows of the server, as long as the demo runs.

    Attributes:
        steps: What was asked, and what came back.
    """

    metadata: dict[str, Any] = field(default_factory=dict)
    verifier: str = ""
    state: str = ""
    token: str = ""
    tools: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[str, str]] = field(default_factory=list)


class Assistant:
    """One user's client."""

    def __init__(self, own_url: str, gateway_url: str) -> None:
        self._callback = own_url + CALLBACK_PATH
        self._url = gateway_url + PATH
        self._gateway_url = gateway_url
        self._at = Connection()

    def application(self) -> web.Application:
        """The client's pages."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self.home),
                web.get("/connect", self.connect),
                web.get(CALLBACK_PATH, self.callback),
                web.post("/call", self.call),
                web.post("/forget", self.forget),
            ]
        )
        return app

    async def home(self, _request: web.Request) -> web.Response:
        """Shows the steps so far, and the tools."""
        return self._page("")

    async def connect(self, _request: web.Request) -> web.Response:
        """Find out where to sign in, and send the browser there."""
        self._at = at = Connection(verifier=new_secret(), state=new_secret())
        try:
            at.metadata = await self._discover()
        except StepError as error:
            return self._page(str(error))
        asked = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self._callback,
            "resource": self._url,
            "state": at.state,
            "code_challenge": challenge(at.verifier),
            "code_challenge_method": "S256",
        }
        raise web.HTTPFound(f"{at.metadata['authorization_endpoint']}?{urlencode(asked)}")

    async def callback(self, request: web.Request) -> web.Response:
        """Redeem the code, and list the tools."""
        at, given = self._at, request.query
        if given.get("state") != at.state or not at.state:
            return self._page("This answer is not for this sign-in.")
        at.state = ""
        if "code" not in given:
            return self._page(f"The gateway says: {given.get('error_description', '')}")
        form = {
            "grant_type": "authorization_code",
            "client_id": CLIENT_ID,
            "code": given["code"],
            "redirect_uri": self._callback,
            "code_verifier": at.verifier,
            "resource": self._url,
        }
        try:
            tokens = await self._ask("POST", at.metadata["token_endpoint"], data=form)
            at.token = str(tokens["access_token"])
            await self._send("initialize", protocolVersion=VERSION, capabilities={}, clientInfo={})
            at.tools = (await self._send("tools/list"))["tools"]
        except StepError as error:
            return self._page(str(error))
        raise web.HTTPSeeOther("/")

    async def call(self, request: web.Request) -> web.Response:
        """Call a tool."""
        form = await request.post()
        try:
            await self._send("tools/call", name=str(form.get("tool", "")), arguments={})
        except StepError as error:
            return self._page(str(error))
        raise web.HTTPSeeOther("/")

    async def forget(self, _request: web.Request) -> web.Response:
        """Begin anew."""
        self._at = Connection()
        raise web.HTTPSeeOther("/")

    async def _discover(self) -> dict[str, Any]:
        """The metadata of the server's authorization server (RFC 9728, then RFC 8414)."""
        async with aiohttp.ClientSession() as session, session.post(self._url, json={}) as told:
            hint = told.headers.get("WWW-Authenticate", "")
            self._note(f"POST {self._url}", f"{told.status}\nWWW-Authenticate: {hint}")
        found = _METADATA.search(hint)
        if found is None:
            raise StepError("The server does not say where its metadata are.")
        resource = await self._ask("GET", found[1])
        issuer = urlsplit(resource["authorization_servers"][0])
        place = f"{issuer.scheme}://{issuer.netloc}/.well-known/oauth-authorization-server"
        return await self._ask("GET", place + issuer.path)

    async def _send(self, method: str, **params: object) -> dict[str, Any]:
        """The result of one JSON-RPC request to the server."""
        message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        answer = await self._ask(
            "POST",
            self._url,
            json=message,
            headers={
                "Authorization": f"Bearer {self._at.token}",
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": VERSION,
            },
        )
        if "result" not in answer:
            raise StepError("The server answers with an error.")
        return dict(answer["result"])

    async def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, **options) as response,
        ):
            answer: dict[str, Any] = await response.json()
        asked = json.dumps(options["json"]) if "json" in options else ""
        told = f"{response.status}\n{json.dumps(answer, indent=2)}"
        self._note(f"{method} {url} {asked}".strip(), told)
        if response.status == _UNAUTHORIZED:
            self._at.token = ""
        if response.status != _OK:
            raise StepError(f"The gateway refuses: {answer.get('detail') or answer.get('error')}")
        return answer

    def _note(self, asked: str, answered: str) -> None:
        self._at.steps.append((asked, answered))

    def _page(self, note: str) -> web.Response:
        values = {
            "note": note,
            "steps": self._at.steps,
            "tools": self._at.tools if self._at.token else [],
            "is_connected": bool(self._at.token),
            "url": self._url,
            "gateway_url": self._gateway_url,
        }
        return page("demo-assistant", values, site=SITE)
