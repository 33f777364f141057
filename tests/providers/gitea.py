"""Gitea by plain OAuth 2.0, set up with its own command and API."""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import requests

from tests.fixtures.processes import answers as answers_200
from tests.providers.provider import (
    ACCESS_S,
    INSTALLED,
    PASSWORD,
    Kind,
    Place,
    Provider,
    running,
)

PROGRAM = INSTALLED / "bin" / "gitea"


class Gitea(Provider):
    """alice owns the organisation staff; Gitea makes the client's id and secret."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._ask("orgs", {"username": "staff"})
        app = {"name": "Gatepost", "redirect_uris": [place.redirect_uri]}
        self._app = self._ask("user/applications/oauth2", app | {"confidential_client": True})

    @property
    def settings(self) -> Mapping[str, Any]:
        return {
            "type": "oauth2",
            "profile": "gitea",
            "client_id": self._app["client_id"],
            "client_secret": self._app["client_secret"],
        }

    @property
    def answers(self) -> Mapping[str, str]:
        return {"user_name": "alice", "password": PASSWORD, "granted": "true"}

    def _ask(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = requests.post(
            f"{self.place.url}/api/v1/{path}", json=body, auth=("alice", PASSWORD), timeout=60
        )
        assert answer.ok, (path, answer.status_code, answer.text)
        found: dict[str, Any] = answer.json()
        return found


def _configuration(place: Place) -> str:
    database = urlsplit(place.database())
    return f"""\
RUN_MODE = prod
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = {place.directory}
[server]
PROTOCOL = http
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {place.port}
ROOT_URL = {place.url}/
STATIC_ROOT_PATH = {INSTALLED / "gitea-files"}
DISABLE_SSH = true
OFFLINE_MODE = true
[database]
DB_TYPE = postgres
HOST = {database.hostname}:{database.port}
NAME = {database.path.lstrip("/")}
USER = {database.username}
PASSWD = `{unquote(database.password or "")}`
SCHEMA = {parse_qs(database.query)["search_path"][0]}
[security]
INSTALL_LOCK = true
SECRET_KEY = {secrets.token_hex(32)}
[oauth2]
JWT_SECRET = {secrets.token_urlsafe(32)}
ACCESS_TOKEN_EXPIRATION_TIME = {ACCESS_S}
[mailer]
ENABLED = false
"""


@contextmanager
def _start(place: Place) -> Iterator[Provider]:
    place.write("app.ini", _configuration(place))
    config = ("--config", place.directory / "app.ini")
    place.run(PROGRAM, "migrate", *config)
    place.run(
        *(PROGRAM, "admin", "user", "create", *config, "--username", "alice"),
        *("--password", PASSWORD, "--email", "alice@example.com", "--must-change-password=false"),
    )
    words = (PROGRAM, "web", *config)
    with running(words, place, lambda: answers_200(f"{place.url}/api/healthz")):
        yield Gitea(place)


GITEA = Kind(
    "Gitea (OAuth 2.0)",
    "gitea",
    _start,
    lacks=dict.fromkeys(
        ("logout", "back-channel", "keys"),
        "Plain OAuth 2.0 has no sign-out, and signs nothing.",
    ),
    also=("`gatepost doctor` tells whether Gitea takes the client secret.",),
)
