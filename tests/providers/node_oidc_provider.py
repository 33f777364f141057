"""npm's oidc-provider, the certified one that `make test` uses, and its next major version."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from joserfc.jwk import RSAKey

from tests.fixtures.processes import answers as answers_200
from tests.fixtures.processes import require_tool
from tests.providers.forms import filled, forms_of
from tests.providers.provider import (
    ACCESS_S,
    CLIENT_ID,
    INSTALLED,
    SECRET,
    Kind,
    Place,
    Provider,
    running,
)

SCOPES = ["openid", "profile", "email", "groups", "offline_access"]


class NodeOidcProvider(Provider):
    """One process; a new key is a new start, after which nobody is signed in there."""

    def __init__(self, place: Place, words: tuple[str | Path, ...], stack: ExitStack) -> None:
        super().__init__(place)
        self._words = words
        self._stack = stack
        self.restart()

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"scopes": SCOPES, "authorize_params": {"prompt": "consent"}}

    @property
    def answers(self) -> Mapping[str, str]:
        return {"login": "alice", "password": "any"}

    def rotate_keys(self) -> None:
        self.restart()

    def restart(self, **options: Any) -> None:
        """Start it again, with a new key and with more of its options."""
        self._stack.close()
        found = f"{self.place.url}/.well-known/openid-configuration"
        words = (*self._words, json.dumps(self._options() | options))
        self._stack.enter_context(running(words, self.place, lambda: answers_200(found)))

    def _options(self) -> dict[str, Any]:
        kid = {"kid": secrets.token_hex(4), "alg": "RS256", "use": "sig"}
        key = RSAKey.generate_key(2048, kid).as_dict(private=True)
        client = {
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "redirect_uris": [self.place.redirect_uri],
            "post_logout_redirect_uris": [self.place.post_logout_uri],
            "backchannel_logout_uri": self.place.backchannel_uri,
            "backchannel_logout_session_required": True,
        }
        return {
            "port": self.place.port,
            "clients": [client],
            "users": {"alice": {"groups": ["staff"]}},
            "ttl": {"AccessToken": ACCESS_S},
            "jwks": {"keys": [key]},
        }

    async def end_sessions(self, session: aiohttp.ClientSession) -> None:
        """Sign out at the provider's own page, which the gateway did not send her to."""
        async with session.get(f"{self.place.url}/session/end") as response:
            form = forms_of(await response.text())[0]
        data = {**filled(form, {}), "logout": "yes"}
        async with session.post(form.action, data=data) as response:
            assert response.status == 200, await response.text()


@contextmanager
def _start(place: Place, *words: str | Path) -> Iterator[Provider]:
    with ExitStack() as stack:
        yield NodeOidcProvider(place, words, stack)


def _version_8(place: Place) -> Any:
    return _start(place, require_tool("node"), INSTALLED / "oidc-provider-8" / "server.mjs")


def _version_9(place: Place) -> Any:
    directory = INSTALLED / "oidc-provider-9"
    (node,) = directory.glob("node_modules/node-linux-*/bin/node")
    return _start(place, node, directory / "server.mjs")


_CONSENT = (
    "oidc-provider gives a refresh token only after a consent: set "
    "`authorize_params: {prompt: consent}`. Without it, the log says so."
)
_PUBLIC = (
    "oidc-provider 9 sends no logout tokens to private addresses, loopback included, unless its "
    "option `fetch` is set."
)
OIDC_PROVIDER_8 = Kind(
    "oidc-provider 8", "oidc-provider-8", _version_8, notes={"refresh": _CONSENT}
)
OIDC_PROVIDER_9 = Kind(
    "oidc-provider 9",
    "oidc-provider-9",
    _version_9,
    notes={"refresh": _CONSENT, "back-channel": _PUBLIC},
)
