"""An issuer of access tokens on a loopback port: real keys, real signatures, real introspection."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from gateway.accounts.manager import Accounts
from gateway.authn import Pending
from gateway.authn.bearer import BearerAuthenticator
from gateway.authn.combine import settle
from gateway.oidc.bearer_issuer import BearerIssuer
from gateway.oidc.http import ProviderHttp
from gateway.settings.bearer import BearerSettings
from gateway.storage.memory import MemoryStore
from tests.builders import SECRET, make_request
from tests.fixtures.clock import Clock
from tests.oidc.hostile import HostileProvider, sign

AUDIENCE = "https://api.example.com"
OPAQUE = "opaque-0123456789"
SIGNED_ANSWER = "application/token-introspection+jwt"
INTROSPECTION = {"client_id": "api:1", "client_secret": "s+e%c/ret@1", "cache": "15s"}


class TokenIssuer(HostileProvider):
    """Besides what a hostile provider does, it answers about opaque tokens.

    Attributes:
        answers: Token -> what introspection says of it; anything else is inactive.
        signed: Makes a signed answer of it, say `signed_answer`; None for plain ones.
    """

    def __init__(self, clock):
        super().__init__(clock)
        self.clock = clock
        self.answers: dict[str, dict[str, Any]] = {}
        self.signed: Any = None

    async def start(self, aiohttp_server):
        await super().start(aiohttp_server)
        self.wrongs.discovery = {"introspection_endpoint": f"{self.issuer}/introspect"}

    async def handle(self, request):
        answer = await super().handle(request)
        if request.path != "/introspect" or answer.status != 404:
            return answer
        token = self.forms[-1].get("token", [""])[0]
        found = self.answers.get(token, {"active": False})
        if self.signed is None:
            return web.json_response(found)
        return web.Response(body=self.signed(found), content_type=SIGNED_ANSWER)

    def signed_answer(self, found, *, header=None, key="p256", alg="ES256", **changes):
        """`found` as RFC 9701 has it, right but for `changes`; None removes a claim."""
        right = {
            "iss": self.issuer,
            "aud": INTROSPECTION["client_id"],
            "iat": int(self.clock()),
            "token_introspection": found,
        }
        claims = {k: v for k, v in {**right, **changes}.items() if v is not None}
        typed = {"typ": "token-introspection+jwt", **(header or {})}
        return sign(claims, key=key, alg=alg, header=typed)

    def claims(self, **changes):
        """Claims of a good token; None removes one."""
        now = int(self.clock())
        right = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "alice",
            "exp": now + 300,
            "iat": now,
            "client_id": "cli",
            "scope": "read write",
        }
        return {k: v for k, v in {**right, **changes}.items() if v is not None}

    def token(self, *, key="p256", alg="ES256", header=None, payload=None, **changes):
        """A token signed by it, good but for `changes`."""
        full = {"typ": "at+jwt", **(header or {})}
        return sign(self.claims(**changes), key=key, alg=alg, header=full, payload=payload)


@dataclass
class Door:
    """A gateway's authenticator of the tokens of some issuers.

    Attributes:
        client: The address requests come from.
    """

    authenticator: BearerAuthenticator
    clock: Clock
    client: str = "192.0.2.1"

    def request(self, token, scheme="Bearer"):
        """A request with `token`."""
        value = f"{scheme} {token}".encode("utf-8", "surrogateescape")
        fields = [(b"Authorization", value)]
        return make_request(fields=fields, client=self.client, at=self.clock())

    async def judge(self, token):
        """What comes of a request with `token`."""
        return await settle(self.authenticator.judge(self.request(token)))

    def recall(self, token):
        """What memory alone says; None where it does not tell."""
        outcome = self.authenticator.judge(self.request(token))
        return None if isinstance(outcome, Pending) else outcome


def make_door(clock, http: ProviderHttp, *settings, provider="", accounts=None, wrong=None) -> Door:
    """The door for tokens by `settings`, each a mapping of one entry of `bearer`."""
    issuers = [
        BearerIssuer(
            BearerSettings.model_validate({"audiences": [AUDIENCE], **it}),
            http,
            clock,
            provider=provider,
        )
        for it in settings
    ]
    keeping = accounts or Accounts(MemoryStore(clock), SECRET)
    return Door(BearerAuthenticator(issuers, keeping, wrong, clock), clock)


def raw(claims):
    """Claims as a payload, numbers that JSON has not included."""
    return json.dumps(claims).encode()
