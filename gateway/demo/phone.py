"""The demo's phone: an app that signs in with the system's browser (RFC 8252).

It behaves like a desktop app on a loopback address.  The provider sends it a code, and the gateway
exchanges that for tokens.  The app shows them, because this is a demo.
"""

import json
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from gateway.demo.pkce import challenge, new_secret
from gateway.demo.state import page

CLIENT_ID = "demo-phone"
SITE = "Demo phone"
CALLBACK_PATH = "/callback"
_SCOPES = "openid profile email"
_OK = 200


class Phone:
    """One user's app; it keeps its tokens only while the demo runs."""

    def __init__(self, own_url: str, issuer: str, gateway_url: str) -> None:
        self._callback = own_url + CALLBACK_PATH
        self._authorize_url = f"{issuer}/authorize"
        self._gateway_url = gateway_url
        self._verifier = ""
        self._state = ""
        self._tokens: dict[str, object] = {}

    def application(self) -> web.Application:
        """The app's pages, which a real phone app would draw itself."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/", self.home),
                web.get("/sign-in", self.sign_in),
                web.get(CALLBACK_PATH, self.callback),
                web.post("/renew", self.renew),
                web.post("/sign-out", self.sign_out),
            ]
        )
        return app

    async def home(self, _request: web.Request) -> web.Response:
        """Shows the app's tokens, and the backend's response to them."""
        return await self._page("")

    async def sign_in(self, _request: web.Request) -> web.Response:
        """Redirect the system's browser to the provider, with a PKCE challenge (RFC 7636)."""
        self._verifier, self._state = new_secret(), new_secret()
        asked = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": self._callback,
            "scope": _SCOPES,
            "state": self._state,
            "nonce": new_secret(),
            "code_challenge": challenge(self._verifier),
            "code_challenge_method": "S256",
        }
        raise web.HTTPFound(f"{self._authorize_url}?{urlencode(asked)}")

    async def callback(self, request: web.Request) -> web.Response:
        """Handle the provider's response: send the code and the verifier to the gateway."""
        if request.query.get("state") != self._state or "code" not in request.query:
            return await self._page("The provider's response is not for this sign-in.")
        self._state = ""
        return await self._grant(
            {
                "grant_type": "authorization_code",
                "code": request.query["code"],
                "redirect_uri": self._callback,
                "code_verifier": self._verifier,
                "device_name": "Demo phone",
            }
        )

    async def renew(self, _request: web.Request) -> web.Response:
        """Refresh the tokens; a refresh token works once."""
        token = str(self._tokens.get("refresh_token", ""))
        return await self._grant({"grant_type": "refresh_token", "refresh_token": token})

    async def sign_out(self, _request: web.Request) -> web.Response:
        """Revoke the session, and forget the tokens."""
        token = str(self._tokens.get("refresh_token", ""))
        self._tokens = {}
        await self._post("revoke", {"token": token})
        raise web.HTTPSeeOther("/")

    async def _grant(self, form: dict[str, str]) -> web.Response:
        status, answer = await self._post("token", form)
        if status != _OK:
            # The session has ended, so the page shows the sign-in.
            self._tokens = {}
            return await self._page(f"The gateway says: {answer.get('error_description')}")
        self._tokens = answer
        raise web.HTTPSeeOther("/")

    async def _post(self, endpoint: str, form: dict[str, str]) -> tuple[int, dict[str, object]]:
        url = f"{self._gateway_url}/_gatepost/{endpoint}"
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data={"client_id": CLIENT_ID, **form}) as response,
        ):
            text = await response.text()
            return response.status, json.loads(text) if text else {}

    async def _page(self, note: str) -> web.Response:
        token = self._tokens.get("access_token")
        heard = "" if token is None else await self._hear(str(token))
        values = {
            "note": note,
            "tokens": json.dumps(self._tokens, indent=2) if self._tokens else "",
            "token": token,
            "heard": heard,
            "gateway_url": self._gateway_url,
        }
        return page("demo-phone", values, site=SITE)

    async def _hear(self, token: str) -> str:
        """The fields that the backend behind the gateway gets with the app's token."""
        url, fields = f"{self._gateway_url}/headers", {"Authorization": f"Bearer {token}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, headers=fields) as response,
        ):
            answer = await response.json()
        lines = [f"{name}: {value}" for name, value in answer.get("fields", ())]
        return "\n".join(lines) or json.dumps(answer, indent=2)
