"""An OpenID provider that does wrong what it is told to, on a loopback port of its own."""

import asyncio
import hashlib
import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from aiohttp import web
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

CLIENT_ID = "notes"
CLIENT_SECRET = "a-secret-of-at-least-thirty-two-bytes"
ACCESS_TOKEN = "opaque-access-token"
REFRESH_TOKEN = "opaque-refresh-token"
SUBJECT = "248289761001"

ALGORITHMS = [
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519", "HS256"),
]


KEYS = {
    "rsa": RSAKey.generate_key(2048),
    "rsa-stranger": RSAKey.generate_key(2048),
    "p256": ECKey.generate_key("P-256"),
    "p384": ECKey.generate_key("P-384"),
    "p521": ECKey.generate_key("P-521"),
    "ed": OKPKey.generate_key("Ed25519"),
}


def public(name, **members):
    """The JWK of one of KEYS as a provider would publish it; None removes a member."""
    jwk = {**KEYS[name].as_dict(private=False), "kid": name, "use": "sig", **members}
    return {key: value for key, value in jwk.items() if value is not None}


def base64url(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def at_hash(token, bits=256):
    digest = hashlib.new(f"sha{bits}", token.encode()).digest()
    return base64url(digest[: len(digest) // 2])


BODIES = {
    "huge": b'{"a":"' + b"a" * 2_000_000 + b'"}',
    "garbage": b"<html>",
    "array": b"[]",
    "deep": b"[" * 200_000,
}


def sign(claims, *, key="rsa", alg="RS256", header=None, payload=None):
    """A compact JWS; `header` members override, None removes them."""
    kid = key if key in KEYS else None
    full = {"alg": alg, "typ": "JWT", "kid": kid, **(header or {})}
    full = {name: value for name, value in full.items() if value is not None}
    content = json.dumps(claims).encode() if payload is None else payload
    if alg == "none":
        return f"{base64url(json.dumps(full).encode())}.{base64url(content)}."
    if alg.startswith("HS"):
        # By hand: the library refuses a public key as secret, which is what an attacker takes.
        signed = f"{base64url(json.dumps(full).encode())}.{base64url(content)}"
        mac = hmac.digest(
            key if isinstance(key, bytes) else key.encode(), signed.encode(), "sha256"
        )
        return f"{signed}.{base64url(mac)}"
    registry = QuietRegistry(algorithms=[alg], strict_check_header=False)
    registry.max_header_length = 100_000
    return jws.serialize_compact(full, content, KEYS[key], registry=registry)


class QuietRegistry(jws.JWSRegistry):
    def get_alg(self, name):
        return self.algorithms[name]


def tampered(token):
    """The same token with another signature."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


@dataclass
class Wrongs:
    """What the provider does otherwise than it should; everything is right by default.

    `claims`, `userinfo`, `discovery` and `tokens` are laid over what would be right; None removes
    a member.  `failures` maps a path to a status, or to ``hang``, ``close``, ``redirect`` or one
    of BODIES; a list of them fails as often as it is long.
    """

    claims: dict[str, Any] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    signing: dict[str, Any] = field(default_factory=dict)
    tampered: bool = False
    raw_id_token: Any = None
    userinfo: dict[str, Any] = field(default_factory=dict)
    userinfo_type: str = "application/json"
    userinfo_body: bytes | None = None
    groups_pages: list[list[Any]] = field(default_factory=lambda: [["g1", "g2"]])
    groups_origin: str = ""
    oauth_document: bool = False
    discovery: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    token_answer: tuple[int, dict[str, Any]] | None = None
    push_answer: tuple[int, Any] | None = None
    keys: list[Any] | None = None
    cache_control: str | None = None
    failures: dict[str, str | list[str]] = field(default_factory=dict)
    callback: dict[str, Any] = field(default_factory=dict)


def laid_over(right, wrong):
    return {name: v for name, v in {**right, **wrong}.items() if v is not None}


class HostileProvider:
    """The provider; set `wrongs` at any time.

    Attributes:
        requests: (method, path) of every call so far.
        forms: The form of every call of the token and revocation endpoint, parsed.
        headers: The fields of every call.
    """

    def __init__(self, clock):
        self._clock = clock
        self.wrongs = Wrongs()
        self.requests = []
        self.forms = []
        self.headers = []
        self.issuer = ""
        self._codes = {}
        self._pushed = {}
        self.groups_query = ""
        self._server = None
        self._hanging = asyncio.Event()
        self.asked = asyncio.Event()

    async def start(self, aiohttp_server):
        """Listen, by pytest-aiohttp's fixture, which also closes what is left open."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        app.on_shutdown.append(self._stop_hanging)
        self._server = await aiohttp_server(app, shutdown_timeout=0.1)
        self.issuer = str(self._server.make_url("")).rstrip("/")

    async def stop(self):
        """Be down from now on."""
        await self._server.close()

    async def _stop_hanging(self, _app):
        self._hanging.set()

    def count(self, path):
        return sum(1 for _, found in self.requests if found == path)

    def approve(self, location, **extra):
        """What the provider would send the browser back with: the callback's parameters."""
        query = parse_qs(urlsplit(location).query)
        if "request_uri" in query:
            query = self._pushed.pop(query["request_uri"][0])
        asked = {k: v[0] for k, v in query.items()}
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        right = {"state": asked["state"], "code": code, "iss": self.issuer, **extra}
        return laid_over(right, self.wrongs.callback)

    async def handle(self, request):
        path = request.path
        self.requests.append((request.method, path))
        self.headers.append(request.headers)
        body = await request.text()
        self.forms.append(parse_qs(body))
        self.asked.set()
        failure = self.wrongs.failures.get(path)
        if isinstance(failure, list):
            failure = failure.pop(0) if failure else None
        if failure is not None:
            return await self.fail(failure, request)
        handler = {
            "/.well-known/openid-configuration": self._discovery,
            "/.well-known/oauth-authorization-server": (
                self._discovery if self.wrongs.oauth_document else None
            ),
            "/jwks": self._jwks,
            "/token": self.grant,
            "/userinfo": self._userinfo,
            "/revoke": self._revoke,
            "/par": self._push,
            "/groups": self._groups,
        }.get(path)
        return await self.handle_found(request, handler)

    async def handle_found(self, request, handler):
        return web.Response(status=404) if handler is None else handler(request)

    async def fail(self, failure, request):
        if failure == "hang":
            await self._hanging.wait()
        if failure == "close":
            request.transport.close()
        if failure == "redirect":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        if failure in BODIES:
            return web.Response(body=BODIES[failure], content_type="application/json")
        return web.Response(status=int(failure) if failure.isdigit() else 500)

    def _discovery(self, _request):
        right = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "revocation_endpoint": f"{self.issuer}/revoke",
            "authorization_response_iss_parameter_supported": True,
        }
        return self._json(laid_over(right, self.wrongs.discovery))

    def _jwks(self, _request):
        keys = self.wrongs.keys
        if keys is None:
            keys = [public(name) for name in ("rsa", "p256", "p384", "p521", "ed")]
        return self._json({"keys": keys})

    def _json(self, value):
        headers = {}
        if self.wrongs.cache_control is not None:
            headers["Cache-Control"] = self.wrongs.cache_control
        return web.json_response(value, headers=headers)

    def grant(self, request):
        if self.wrongs.token_answer is not None:
            status, body = self.wrongs.token_answer
            return web.json_response(body, status=status)
        form = {name: values[0] for name, values in self.forms[-1].items()}
        if form["grant_type"] == "refresh_token":
            asked = {}
        else:
            asked = self._codes.pop(form["code"], None)
            if asked is None or not _proves(form["code_verifier"], asked["code_challenge"]):
                return web.json_response({"error": "invalid_grant"}, status=400)
        right = {
            "access_token": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "refresh_token": REFRESH_TOKEN,
            "id_token": self.id_token(asked.get("nonce")),
        }
        return web.json_response(laid_over(right, self.wrongs.tokens))

    def id_token(self, nonce):
        if self.wrongs.raw_id_token is not None:
            return self.wrongs.raw_id_token
        now = int(self._clock())
        right = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": SUBJECT,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "at_hash": at_hash(ACCESS_TOKEN),
            "preferred_username": "alice",
        }
        claims = laid_over(right, self.wrongs.claims)
        token = sign(claims, header=self.wrongs.header, **self.wrongs.signing)
        return tampered(token) if self.wrongs.tampered else token

    def _userinfo(self, request):
        if request.headers["Authorization"] != f"Bearer {ACCESS_TOKEN}":
            return web.json_response({"error": "invalid_token"}, status=401)
        right = {"sub": SUBJECT, "email": "alice@example.com", "email_verified": True}
        body = self.wrongs.userinfo_body
        if body is None:
            body = json.dumps(laid_over(right, self.wrongs.userinfo)).encode()
        return web.Response(body=body, headers={"Content-Type": self.wrongs.userinfo_type})

    def _groups(self, request):
        if request.headers["Authorization"] != f"Bearer {ACCESS_TOKEN}":
            return web.Response(status=401)
        page = int(request.query.get("page", "0"))
        self.groups_query = self.groups_query or request.query_string
        pages = self.wrongs.groups_pages
        found = {"value": [{"id": it} for it in pages[page]]}
        if page + 1 < len(pages):
            origin = self.wrongs.groups_origin or self.issuer
            found["@odata.nextLink"] = f"{origin}/groups?page={page + 1}"
        return web.json_response(found)

    def _push(self, _request):
        if self.wrongs.push_answer is not None:
            status, body = self.wrongs.push_answer
            return web.json_response(body, status=status)
        request_uri = f"urn:ietf:params:oauth:request_uri:{len(self._pushed)}"
        self._pushed[request_uri] = self.forms[-1]
        return web.json_response({"request_uri": request_uri, "expires_in": 60}, status=201)

    def _revoke(self, _request):
        return web.Response(status=200)


def _proves(verifier, challenge):
    return base64url(hashlib.sha256(verifier.encode()).digest()) == challenge


def basic_of(headers):
    """Client id and secret of a Basic field, form-decoded (RFC 6749, section 2.3.1)."""
    pair = b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
    name, _, secret = pair.partition(":")
    return unquote_plus(name), unquote_plus(secret)
