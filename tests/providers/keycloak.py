"""Keycloak, with a realm made by its own API and its default mappers."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import aiohttp
import requests

from tests.fixtures.processes import answers as answers_200
from tests.providers.forms import chosen, filled, text_of
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

_ADMIN = "admin"
_ADMIN_PASSWORD = secrets.token_urlsafe(16)
REALM = "test"


class Keycloak(Provider):
    """Realm `test`: alice has the realm role staff, bob lacks the default roles."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.admin("POST", "/admin/realms", realm_of(place))
        # A user made with roles of its own lacks those of the realm's default.
        for name in ("alice", "bob"):
            self.admin("POST", f"/admin/realms/{REALM}/users", _user(name))
        staff = self.admin("GET", f"/admin/realms/{REALM}/roles/staff")
        roles = f"/admin/realms/{REALM}/users/{self.id_of('alice')}/role-mappings/realm"
        self.admin("POST", roles, [staff])

    @property
    def issuer(self) -> str:
        return f"{self.place.url}/realms/{REALM}"

    @property
    def settings(self) -> Mapping[str, Any]:
        return {"profile": "keycloak"}

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """Ask Keycloak's administration API."""
        form = {
            "grant_type": "password",
            "client_id": "admin-cli",
            "username": _ADMIN,
            "password": _ADMIN_PASSWORD,
        }
        token_url = f"{self.place.url}/realms/master/protocol/openid-connect/token"
        token = requests.post(token_url, data=form, timeout=60).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        answer = requests.request(
            method, f"{self.place.url}{path}", json=body, headers=bearer, timeout=60
        )
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def id_of(self, user: str) -> str:
        """Keycloak's id of a user."""
        found = self.admin("GET", f"/admin/realms/{REALM}/users?exact=true&username={user}")
        return str(found[0]["id"])

    def rotate_keys(self) -> None:
        """Add a key that has priority over those that are there."""
        realm = self.admin("GET", f"/admin/realms/{REALM}")["id"]
        key = {
            "name": "newer",
            "providerId": "rsa-generated",
            "providerType": "org.keycloak.keys.KeyProvider",
            "parentId": realm,
            "config": {"priority": ["500"], "enabled": ["true"], "active": ["true"]},
        }
        self.admin("POST", f"/admin/realms/{REALM}/components", key)

    async def end_sessions(self, session: aiohttp.ClientSession) -> None:
        """Sign alice out as an administrator."""
        self.admin("POST", f"/admin/realms/{REALM}/users/{self.id_of('alice')}/logout")

    async def sign_out_there(self, session: aiohttp.ClientSession) -> None:
        """Sign alice out in her own browser at Keycloak's page, which asks whether she means it."""
        url = f"{self.issuer}/protocol/openid-connect/logout"
        async with session.get(url) as response:
            page = await response.text()
        form = chosen(page, {})
        assert form is not None, text_of(page)
        async with session.post(urljoin(url, form.action), data=filled(form, {})) as response:
            assert response.status == 200


def realm_of(place: Place) -> dict[str, Any]:
    """A realm as an administrator makes it, with the client of the guide for Keycloak."""
    return {
        "realm": REALM,
        "enabled": True,
        "accessTokenLifespan": ACCESS_S,
        "roles": {"realm": [{"name": "staff"}]},
        "clients": [
            {
                "clientId": CLIENT_ID,
                "secret": SECRET,
                "redirectUris": [place.redirect_uri],
                "attributes": {
                    "post.logout.redirect.uris": place.post_logout_uri,
                    "pkce.code.challenge.method": "S256",
                    "backchannel.logout.url": place.backchannel_uri,
                    "backchannel.logout.session.required": "true",
                },
            }
        ],
    }


def _user(name: str) -> dict[str, Any]:
    return {
        "username": name,
        "enabled": True,
        "email": f"{name}@example.com",
        "emailVerified": True,
        "firstName": name.title(),
        "lastName": "Example",
        "credentials": [{"type": "password", "value": PASSWORD, "temporary": False}],
    }


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    words = (
        INSTALLED / "keycloak" / "bin" / "kc.sh",
        "start-dev",
        "--db=dev-mem",
        "--http-host=127.0.0.1",
        f"--http-port={place.port}",
    )
    environment = {
        "KC_BOOTSTRAP_ADMIN_USERNAME": _ADMIN,
        "KC_BOOTSTRAP_ADMIN_PASSWORD": _ADMIN_PASSWORD,
    }
    ready = f"{place.url}/realms/master/.well-known/openid-configuration"
    with running(words, place, lambda: answers_200(ready), environment):
        yield Keycloak(place)


KEYCLOAK = Kind(
    "Keycloak",
    "keycloak",
    _start,
    notes={
        "sign-in": "With the scope `offline_access`, Keycloak's users need the realm role of that "
        "name, which the default roles have. Others get `code-refused`, and the log has Keycloak's "
        "reason.",
        "groups": "Keycloak's default mappers put roles into the access token only, where "
        "`profile: keycloak` reads them.",
        "back-channel": "Leave `offline_access` out of `scopes`: Keycloak gives a refresh token "
        "without it, too. With it, Keycloak keeps an offline session, which a sign-out at Keycloak "
        "does not end, and an administrator's sign-out ends only at the next refresh.",
    },
    also=(
        "A client that registers itself at Keycloak gets no audience for its `resource` until an "
        "administrator adds an audience mapper.",
    ),
)
