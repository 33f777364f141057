"""Glewlwyd, set up by its API.  Its pages are scripts, so the tests call the API as these do."""

import gzip
import json
import re
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import requests
from joserfc.jwk import RSAKey

from tests.fixtures.processes import answers as answers_200
from tests.providers.provider import (
    ACCESS_S,
    CLIENT_ID,
    INSTALLED,
    PASSWORD,
    SECRET,
    Kind,
    Place,
    Provider,
    running,
)

_ROOT = INSTALLED / "glewlwyd"
_MANY = {"multiple": True, "read": True, "write": True}


class Glewlwyd(Provider):
    """alice, who has the property groups, and one instance of the plug-in for OpenID Connect."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._keys: list[dict[str, Any]] = []
        self._session = requests.Session()
        self._ask("POST", "auth/", {"username": "admin", "password": "password"})
        self._more_members("user", "groups")
        self._more_members("client", "post_logout_redirect_uris")
        self._ask("POST", "mod/plugin/", self._plugin())
        self._ask("POST", "user/", _ALICE)
        self._ask("POST", "client/", _client(place))

    @property
    def issuer(self) -> str:
        return f"{self.place.url}/api/oidc"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"scopes": ["openid"], "email_verified": "assume"}

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        url = f"{self.place.url}/api/{path}"
        answer = self._session.request(method, url, json=body, timeout=60)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def _more_members(self, kind: str, name: str) -> None:
        """Let users or clients have a list of texts."""
        found = self._ask("GET", f"mod/{kind}/database")
        found["parameters"]["data-format"][name] = _MANY
        self._ask("PUT", f"mod/{kind}/database", found)
        self._ask("PUT", f"mod/{kind}/database/reset/")

    def _plugin(self) -> dict[str, Any]:
        kid = {"kid": secrets.token_hex(4), "alg": "RS256", "use": "sig"}
        self._keys = [RSAKey.generate_key(2048, kid).as_dict(private=True), *self._keys]
        parameters = {**_PARAMETERS, "iss": self.issuer}
        parameters["jwks-private"] = json.dumps({"keys": self._keys})
        about = {"module": "oidc", "name": "oidc", "display_name": "oidc", "order_rank": 0}
        return {**about, "parameters": parameters}

    def rotate_keys(self) -> None:
        self._ask("PUT", "mod/plugin/oidc", self._plugin())
        self._ask("PUT", "mod/plugin/oidc/reset/")

    async def enter(self, session: aiohttp.ClientSession, url: str) -> str:
        await self._call(session, "POST", "auth/", {"username": "alice", "password": PASSWORD})
        await self._call(session, "PUT", f"auth/grant/{CLIENT_ID}", {"scope": "openid"})
        return await self._next(session, f"{url}&g_continue")

    async def asks(self, session: aiohttp.ClientSession, url: str) -> bool:
        return "/login.html?" in await self._next(session, f"{url}&g_continue")

    async def leave(self, session: aiohttp.ClientSession, url: str) -> str:
        asked = dict(parse_qsl(urlsplit(await self._next(session, url)).query))
        await self._call(session, "DELETE", f"oidc/session/{asked['sid']}/")
        await self._call(session, "DELETE", "auth/")
        return asked["callback_url"]

    async def end_sessions(self, session: aiohttp.ClientSession) -> None:
        """End alice's session in her own browser, as the page of its sign-out does."""
        kept = {cookie.key: cookie.value for cookie in session.cookie_jar}
        sid = kept[_PARAMETERS["session-cookie-name"]]
        await self._call(session, "DELETE", f"oidc/session/{sid}/")

    async def _next(self, session: aiohttp.ClientSession, url: str) -> str:
        async with session.get(url, allow_redirects=False) as response:
            assert response.status == 302, (url, response.status, await response.text())
            return response.headers["Location"]

    async def _call(
        self, session: aiohttp.ClientSession, method: str, path: str, body: Any = None
    ) -> None:
        url = f"{self.place.url}/api/{path}"
        async with session.request(method, url, json=body) as response:
            assert response.status == 200, (path, response.status, await response.text())


_ALICE = {
    "username": "alice",
    "name": "Alice Example",
    "email": "alice@example.com",
    "password": PASSWORD,
    "scope": ["openid", "g_profile"],
    "groups": ["staff"],
    "enabled": True,
}
_GROUPS = {"name": "groups", "user-property": "groups", "type": "string", "mandatory": True}
_PARAMETERS: dict[str, Any] = {
    "jwt-type": "rsa",
    "jwt-key-size": "256",
    "access-token-duration": ACCESS_S,
    "refresh-token-duration": 86400,
    "code-duration": 60,
    "auth-type-code-enabled": True,
    "auth-type-refresh-enabled": True,
    "jwks-show": True,
    "pkce-allowed": True,
    "session-management-allowed": True,
    "session-cookie-name": "GLEWLWYD2_OIDC_SID",
    "session-cookie-expiration": 86400,
    "back-channel-logout-allowed": True,
    "front-channel-logout-allowed": False,
    "name-claim": "mandatory",
    "email-claim": "mandatory",
    "claims": [_GROUPS],
}


def _client(place: Place) -> dict[str, Any]:
    return {
        "client_id": CLIENT_ID,
        "name": "Gatepost",
        "enabled": True,
        "confidential": True,
        "password": SECRET,
        "redirect_uri": [place.redirect_uri],
        "post_logout_redirect_uris": [place.post_logout_uri],
        "backchannel_logout_uri": place.backchannel_uri,
        "authorization_type": ["code", "refresh_token"],
        "token_endpoint_auth_method": ["client_secret_basic"],
        "scope": ["openid"],
    }


def _configuration(place: Place) -> str:
    sample = gzip.decompress(
        (_ROOT / "usr/share/doc/glewlwyd/glewlwyd.conf.sample.gz").read_bytes()
    )
    text = sample.decode().replace("/usr/lib/glewlwyd", f"{_ROOT}/usr/lib/glewlwyd")
    changes = {
        "port": f"{place.port}",
        "#bind_address": '"127.0.0.1"',
        "external_url": f'"{place.url}"',
        "static_files_path": f'"{_ROOT}/usr/share/glewlwyd/webapp/"',
        "cookie_domain": '"127.0.0.1"',
        "cookie_secure": "0",
        "  path ": f' "{place.directory}/glewlwyd.db"',
    }
    for name, value in changes.items():
        text, found = re.subn(rf"(?m)^{re.escape(name)}=.*$", f"{name.lstrip('#')}={value}", text)
        assert found, name
    return text


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    place.write("glewlwyd.conf", _configuration(place))
    tables = _ROOT / "usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz"
    with closing(sqlite3.connect(place.directory / "glewlwyd.db")) as database:
        database.executescript(gzip.decompress(tables.read_bytes()).decode())
    libraries = ":".join(map(str, _ROOT.glob("usr/lib/*-linux-gnu*")))
    words = (_ROOT / "usr/bin/glewlwyd", "--config-file=glewlwyd.conf")
    environment = {"LD_LIBRARY_PATH": libraries}
    with running(words, place, lambda: answers_200(f"{place.url}/config"), environment):
        yield Glewlwyd(place)


GLEWLWYD = Kind(
    "Glewlwyd",
    "glewlwyd",
    _start,
    notes={
        "sign-in": "Glewlwyd does not mark e-mail addresses as verified: they count with "
        "`email_verified: assume`."
    },
)
