"""The example provider of the library that Zitadel is built with."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.fixtures.processes import answers as answers_200
from tests.providers.provider import (
    ACCESS_S,
    INSTALLED,
    PASSWORD,
    SECRET,
    Kind,
    Place,
    Provider,
    running,
)

_ALICE = {
    "ID": "alice-1",
    "Username": "alice",
    "Password": PASSWORD,
    "FirstName": "Alice",
    "LastName": "Example",
    "Email": "alice@example.com",
    "EmailVerified": True,
    "PreferredLanguage": "en",
}


class ZitadelExample(Provider):
    """It keeps everything in memory, so that a new start has a new key."""

    def __init__(self, place: Place, stack: ExitStack) -> None:
        super().__init__(place)
        self._stack = stack
        place.write("users.json", json.dumps({_ALICE["ID"]: _ALICE}))
        self.rotate_keys()

    @property
    def settings(self) -> Mapping[str, Any]:
        roles = "urn:zitadel:iam:org:projects:roles"
        scopes = ["openid", "profile", "email", "offline_access", roles]
        return {"profile": "zitadel", "scopes": scopes}

    def rotate_keys(self) -> None:
        self._stack.close()
        place = self.place
        words = (
            INSTALLED / "bin" / "zitadel-example",
            f"127.0.0.1:{place.port}",
            place.url,
            SECRET,
            place.redirect_uri,
            place.post_logout_uri,
            "users.json",
            str(ACCESS_S),
        )
        ready = f"{place.url}/.well-known/openid-configuration"
        self._stack.enter_context(running(words, place, lambda: answers_200(ready)))


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    with ExitStack() as stack:
        yield ZitadelExample(place, stack)


ZITADEL_EXAMPLE = Kind(
    "Zitadel's library, its example",
    "zitadel-example",
    _start,
    lacks={"back-channel": "Zitadel's library has no back-channel logout."},
    notes={"logout": "The example keeps nobody signed in, so that each sign-in asks again."},
)
