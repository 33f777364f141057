"""Canaille, set up with its own commands."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import aiohttp
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

PROGRAM = INSTALLED / "canaille" / "bin" / "canaille"


class Canaille(Provider):
    """A database of its own; a new key is a new start."""

    def __init__(self, place: Place, stack: ExitStack) -> None:
        super().__init__(place)
        self._stack = stack
        self._keys: list[dict[str, Any]] = []
        self._write_with_new_key()
        self.command("install")
        self.command("create", "user", *_options(ALICE))
        self.command("create", "group", "--display-name", "staff", "--members", "alice")
        self.make_client(CLIENT_ID, "--audience", CLIENT_ID)
        self._serve()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"profile": "canaille", "email_verified": "assume"}

    @property
    def answers(self) -> Mapping[str, str]:
        return {"login": "alice", "password": PASSWORD, "answer": "accept"}

    async def asks(self, session: aiohttp.ClientSession, url: str) -> bool:
        # The name first, and the password on a page of its own.
        async with session.get(url) as response:
            return 'name="login"' in await response.text()

    def command(self, *words: str) -> None:
        """Run one of Canaille's commands."""
        self.place.run(PROGRAM, *words, environment={"CONFIG": "canaille.toml"})

    def make_client(self, client_id: str, *more: str) -> None:
        """Make a client of the gateway's; without ``--audience``, its tokens have an empty one."""
        client = {
            "client-id": client_id,
            "client-name": client_id,
            "client-secret": SECRET,
            "client-uri": self.place.origin,
            "redirect-uris": self.place.redirect_uri,
            "post-logout-redirect-uris": self.place.post_logout_uri,
            "response-types": "code",
            "token-endpoint-auth-method": "client_secret_basic",
            "id-token-signed-response-alg": "RS256",
        }
        each = [("scope", it) for it in ("openid", "profile", "email", "groups")]
        each += [("grant-types", it) for it in ("authorization_code", "refresh_token")]
        several = [word for name, value in each for word in (f"--{name}", value)]
        self.command("create", "client", *_options(client), *several)
        if more:
            self.command("set", "client", client_id, *more)

    def rotate_keys(self) -> None:
        self._stack.close()
        self._write_with_new_key()
        self._serve()

    def _write_with_new_key(self) -> None:
        kid = {"kid": secrets.token_hex(4), "alg": "RS256", "use": "sig"}
        self._keys = [RSAKey.generate_key(2048, kid).as_dict(private=True), *self._keys]
        self.place.write("canaille.toml", _configuration(self.place, self._keys))

    def _serve(self) -> None:
        words = (PROGRAM, "run", "--bind", f"127.0.0.1:{self.place.port}")
        ready = f"{self.place.url}/.well-known/openid-configuration"
        self._stack.enter_context(
            running(words, self.place, lambda: answers_200(ready), {"CONFIG": "canaille.toml"})
        )


ALICE = {
    "user-name": "alice",
    "password": PASSWORD,
    "emails": "alice@example.com",
    "given-name": "Alice",
    "family-name": "Example",
    "formatted-name": "Alice Example",
}


def _options(values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in (f"--{name}", value)]


def _configuration(place: Place, keys: list[dict[str, Any]]) -> str:
    def table(key: dict[str, Any]) -> str:
        return "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in key.items()) + "}"

    return f"""\
SECRET_KEY = "{secrets.token_hex(16)}"
SERVER_NAME = "127.0.0.1:{place.port}"
PREFERRED_URL_SCHEME = "http"
OAUTH2_TOKEN_EXPIRES_IN = {{authorization_code = {ACCESS_S}, refresh_token = {ACCESS_S}}}

[CANAILLE]
DATABASE = "sql"

[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{place.directory}/canaille.sqlite"

[CANAILLE_OIDC]
ACTIVE_JWKS = [{table(keys[0])}]
INACTIVE_JWKS = [{", ".join(table(key) for key in keys[1:])}]
"""


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    with ExitStack() as stack:
        yield Canaille(place, stack)


CANAILLE = Kind(
    "Canaille",
    "canaille",
    _start,
    lacks={"back-channel": "Canaille has no back-channel logout."},
    notes={
        "sign-in": "A client made by Canaille's command line needs `--audience CLIENT_ID`. It does "
        "not mark e-mail addresses as verified: they count with `email_verified: assume`."
    },
)
