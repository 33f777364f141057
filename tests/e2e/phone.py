"""A phone: an app that signs in with the system's browser, and keeps the gateway's tokens."""

import base64
import hashlib
import secrets
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from tests.fixtures.oidc import sign_in_at_oidc_provider

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
CALLBACK = "com.example.notes:/callback"
ROUTES = [
    {"name": "public", "prefix": "/public", "access": "public"},
    {"name": "browsers", "prefix": "/browsers", "access": "signed_in", "credentials": ["session"]},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]


class Phone:
    """What an app on a phone does; `client` is what it calls itself at the gateway."""

    def __init__(self, gateway, provider, client_id, *, client="ios", callback=CALLBACK):
        self.gateway = gateway
        self.provider = provider
        self.client_id = client_id
        self.client = client
        self.callback = callback
        self.session = aiohttp.ClientSession()
        self.verifier = ""
        self.browser = aiohttp.CookieJar(unsafe=True)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    async def code(self, user, scope="openid profile email groups", **more):
        """Sign in with the browser; the code that comes back to the app."""
        self.verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.callback,
            "scope": scope,
            "state": secrets.token_urlsafe(8),
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **more,
        }
        url = f"{self.provider.issuer}/auth?{urlencode(asked)}"
        self.browser = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=self.browser) as browser:
            answer = await sign_in_at_oidc_provider(browser, url, user)
        return parse_qs(urlsplit(answer).query)["code"][0]

    async def provider_tokens(self, user, **more):
        """What the provider itself gives the app for a code."""
        code = await self.code(user, **more)
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": self.verifier,
            **{name: it for name, it in more.items() if name == "resource"},
        }
        async with self.session.post(f"{self.provider.issuer}/token", data=form) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, endpoint, **form):
        """Status and JSON of one of the gateway's endpoints."""
        url = f"{self.gateway.base_url}/_gatepost/{endpoint}"
        named = {"client_id": self.client, **form}
        given = {name: value for name, value in named.items() if value is not None}
        async with self.session.post(url, data=given) as response:
            text = await response.text()
            return response.status, await response.json() if text else None

    async def relay(self, code, /, **changes):
        """Bring a code to the gateway."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": self.verifier,
        }
        return await self.post("token", **{**form, **changes})

    async def exchange(self, token, kind=ID_TOKEN, **changes):
        """Bring one of the provider's tokens to the gateway."""
        form = {"grant_type": EXCHANGE, "subject_token": token, "subject_token_type": kind}
        return await self.post("token", **{**form, **changes})

    async def refresh(self, token, **changes):
        """Renew the gateway's tokens."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return await self.post("token", **{**form, **changes})

    async def sign_in(self, user, **more):
        """Sign in by bringing a code; the gateway's tokens."""
        status, tokens = await self.relay(await self.code(user, **more))
        assert status == 200, tokens
        return tokens

    async def status(self, token, path="/", **fields):
        """The status that the app behind the gateway, or the gateway, answers `token` with."""
        headers = {"Authorization": f"Bearer {token}", **fields}
        async with self.session.get(self.gateway.base_url + path, headers=headers) as response:
            await response.read()
            return response.status

    async def whoami(self, token):
        """What the gateway knows of whoever has `token`."""
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.gateway.base_url}/_gatepost/whoami"
        async with self.session.get(url, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()
