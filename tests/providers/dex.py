"""dex, with users of its own password database."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import bcrypt

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

_SCOPES = ["openid", "profile", "email", "groups", "offline_access"]


class Dex(Provider):
    """It keeps everything in memory, so that a new start has a new key."""

    def __init__(self, place: Place, stack: ExitStack) -> None:
        super().__init__(place)
        self._stack = stack
        place.write("dex.json", json.dumps(_configuration(place)))
        self.rotate_keys()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"profile": "dex", "scopes": _SCOPES}

    @property
    def answers(self) -> Mapping[str, str]:
        return {"login": "alice@example.com", "password": PASSWORD}

    def rotate_keys(self) -> None:
        self._stack.close()
        words = (INSTALLED / "bin" / "dex", "serve", "dex.json")
        ready = f"{self.place.url}/.well-known/openid-configuration"
        environment = {"DEX_FRONTEND_DIR": str(INSTALLED / "dex-web")}
        self._stack.enter_context(
            running(words, self.place, lambda: answers_200(ready), environment)
        )


def _configuration(place: Place) -> dict[str, Any]:
    alice = {
        "email": "alice@example.com",
        "username": "alice",
        "userID": "08a8684b-db88-4b73-90a9-3cd1661f5466",
        "hash": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(10)).decode(),
    }
    client = {
        "id": CLIENT_ID,
        "name": "Gatepost",
        "secret": SECRET,
        "redirectURIs": [place.redirect_uri],
    }
    return {
        "issuer": place.url,
        "storage": {"type": "memory"},
        "web": {"http": f"127.0.0.1:{place.port}"},
        "frontend": {"dir": str(INSTALLED / "dex-web")},
        "expiry": {"idTokens": f"{ACCESS_S}s"},
        "oauth2": {"skipApprovalScreen": True},
        "enablePasswordDB": True,
        "staticPasswords": [alice],
        "staticClients": [client],
    }


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    with ExitStack() as stack:
        yield Dex(place, stack)


_NO_GROUPS = "Users of dex's own password database have no groups; those of its connectors do."
_NO_SIGN_OUT = "dex has no sign-out for other sites."
DEX = Kind(
    "dex",
    "dex",
    _start,
    lacks={
        "groups": _NO_GROUPS,
        "logout": _NO_SIGN_OUT,
        "back-channel": _NO_SIGN_OUT,
    },
)
