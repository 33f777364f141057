"""ORY Hydra.  It has no pages of its own, so the tests answer in place of the ones it calls."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import aiohttp
import requests

from tests.fixtures.network import take_free_port
from tests.fixtures.processes import answers as answers_200
from tests.providers.forms import MAX_STEPS, origin_of
from tests.providers.provider import (
    ACCESS_S,
    CLIENT_ID,
    INSTALLED,
    SECRET,
    START_S,
    Kind,
    Place,
    Provider,
    running,
)

# Where Hydra sends browsers to sign in; nothing listens there.
_PAGES = "http://pages.invalid"
_ALICE = {
    "email": "alice@example.com",
    "email_verified": True,
    "name": "Alice Example",
    "groups": ["staff"],
}


class Hydra(Provider):
    """One client; whoever comes is alice, and Hydra remembers her."""

    def __init__(self, place: Place, admin: str) -> None:
        super().__init__(place)
        self._admin_url = admin
        self._admin("POST", "/admin/clients", json=_client(place))

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"profile": "hydra", "scopes": _SCOPES}

    def _admin(self, method: str, path: str, **request: Any) -> Any:
        answer = requests.request(method, f"{self._admin_url}{path}", timeout=30, **request)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def enter(self, session: aiohttp.ClientSession, url: str) -> str:
        return await self._walk(session, url, self.place.origin)

    async def leave(self, session: aiohttp.ClientSession, url: str) -> str:
        return await self._walk(session, url, self.place.origin)

    async def asks(self, session: aiohttp.ClientSession, url: str) -> bool:
        there = await self._follow(session, url, _PAGES)
        return not self._challenge(there)[1]["skip"]

    def rotate_keys(self) -> None:
        key = {"alg": "RS256", "use": "sig", "kid": secrets.token_hex(4)}
        self._admin("POST", "/admin/keys/hydra.openid.id-token", json=key)

    async def end_sessions(self, session: aiohttp.ClientSession) -> None:
        """Sign alice out in her own browser at Hydra, without the gateway."""
        await self._walk(session, f"{self.place.url}/oauth2/sessions/logout", _AFTER)

    async def _walk(self, session: aiohttp.ClientSession, url: str, until: str) -> str:
        for _ in range(MAX_STEPS):
            url = await self._follow(session, url, _PAGES, until)
            if origin_of(url) == until:
                return url
            url = self._accept(url)
        raise AssertionError(f"Hydra did not send the browser back, it stands at {url}")

    async def _follow(self, session: aiohttp.ClientSession, url: str, *until: str) -> str:
        for _ in range(MAX_STEPS):
            if origin_of(url) in until:
                return url
            async with session.get(url, allow_redirects=False) as response:
                page, location = await response.text(), response.headers.get("Location")
            assert location is not None, f"{url} answered {response.status}: {page[:2000]}"
            url = urljoin(url, location)
        raise AssertionError(f"Hydra did not send the browser on, it stands at {url}")

    def _challenge(self, url: str) -> tuple[str, dict[str, Any]]:
        """What Hydra asks its pages, and the path of the question."""
        ((name, value),) = [it for it in parse_qsl(urlsplit(url).query) if "challenge" in it[0]]
        kind = name.removesuffix("_challenge")
        path = f"/admin/oauth2/auth/requests/{kind}"
        return kind, self._admin("GET", path, params={name: value}) | {name: value}

    def _accept(self, url: str) -> str:
        kind, asked = self._challenge(url)
        answers: dict[str, Any] = {
            "login": {"subject": "alice", "remember": True, "remember_for": 3600},
            "consent": {
                "grant_scope": asked.get("requested_scope"),
                "session": {"id_token": _ALICE},
            },
            "logout": {},
        }
        name = f"{kind}_challenge"
        path = f"/admin/oauth2/auth/requests/{kind}/accept"
        told = self._admin("PUT", path, params={name: asked[name]}, json=answers[kind])
        return str(told["redirect_to"])


_SCOPES = ["openid", "profile", "email", "groups", "offline_access"]
_AFTER = "http://after.invalid"


def _client(place: Place) -> dict[str, Any]:
    return {
        "client_id": CLIENT_ID,
        "client_secret": SECRET,
        "redirect_uris": [place.redirect_uri],
        "post_logout_redirect_uris": [place.post_logout_uri],
        "backchannel_logout_uri": place.backchannel_uri,
        "backchannel_logout_session_required": True,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": " ".join(_SCOPES),
        "token_endpoint_auth_method": "client_secret_basic",
    }


def _configuration(place: Place, admin: int) -> str:
    return f"""\
serve:
  public: {{host: 127.0.0.1, port: {place.port}}}
  admin: {{host: 127.0.0.1, port: {admin}}}
urls:
  self: {{issuer: "{place.url}"}}
  login: {_PAGES}/login
  consent: {_PAGES}/consent
  logout: {_PAGES}/logout
  post_logout_redirect: {_AFTER}/
secrets: {{system: [{secrets.token_hex(16)}]}}
ttl: {{access_token: {ACCESS_S}s, id_token: {ACCESS_S}s}}
"""


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    admin = take_free_port()
    place.write("hydra.yaml", _configuration(place, admin))
    database = place.database().replace("postgresql://", "postgres://")
    environment = {"DSN": f"{database}&sslmode=disable", "SQA_OPT_OUT": "true"}
    program = INSTALLED / "bin" / "hydra"
    migrate = (program, "migrate", "sql", "up", "--yes", "--read-from-env")
    place.run(*migrate, environment=environment)
    words = (program, "serve", "all", "--dev", "--config", "hydra.yaml")
    ready = f"{place.url}/health/ready"
    with running(words, place, lambda: answers_200(ready), environment):
        # Hydra makes its keys for the first answer, and starts anew where nobody waits for it.
        keys = requests.get(f"{place.url}/.well-known/jwks.json", timeout=START_S)
        assert keys.ok, keys.text
        yield Hydra(place, f"http://127.0.0.1:{admin}")


HYDRA = Kind(
    "ORY Hydra",
    "hydra",
    _start,
    notes={
        "back-channel": "Hydra's logout tokens have no `exp`. Gatepost accepts them for two "
        "minutes."
    },
)
