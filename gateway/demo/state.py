"""The state of the development provider."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.demo.clients import Client, OAuthError
from gateway.demo.grants import Grants, Login
from gateway.demo.people import Person
from gateway.demo.signing import Keys
from gateway.pages import page_fields, render
from gateway.storage.store import Clock

LOGIN_COOKIE = "development_provider"


@dataclass(slots=True)
class State:
    """The provider's state, in memory only.

    Attributes:
        issuer: Its own URL, without a trailing slash.
    """

    issuer: str
    clients: dict[str, Client]
    clock: Clock
    keys: Keys = field(default_factory=Keys)
    grants: Grants = field(default_factory=Grants)
    logins: dict[str, Login] = field(default_factory=dict)
    clients_of: dict[str, set[str]] = field(default_factory=dict)

    def login_of(self, request: web.Request) -> Login | None:
        """The login of this browser, or None."""
        return self.logins.get(request.cookies.get(LOGIN_COOKIE, ""))

    def sign_in(self, response: web.Response, person: Person, acr: str | None) -> Login:
        """Sign `person` in, always with a new session."""
        amr = ("pwd", "otp") if acr else ("pwd",)
        login = Login(secrets.token_urlsafe(12), person, int(self.clock()), acr, amr)
        key = secrets.token_urlsafe(24)
        self.logins[key] = login
        response.set_cookie(LOGIN_COOKIE, key, httponly=True, samesite="Lax", path="/")
        return login


async def parameters_of(request: web.Request) -> dict[str, str]:
    """The parameters of the query and of a form body, each of which may occur only once.

    Raises:
        OAuthError: ``invalid_request``: one is repeated (RFC 6749, section 3.1) or is not text.
    """
    pairs = parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True)
    if request.method == "POST":
        for name, value in (await request.post()).items():
            if not isinstance(value, str):
                raise OAuthError("invalid_request", "a parameter is a file")
            pairs.append((name, value))
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise OAuthError("invalid_request", f"{name} is given twice")
        found[name] = value
    return found


def page(
    name: str,
    values: Mapping[str, object],
    status: int = 200,
    *,
    site: str = "Development provider",
) -> web.Response:
    """One of our pages as an aiohttp response; `site` is the name shown on it."""
    body = render(name, site=site, **values)
    return web.Response(
        body=body, status=status, headers=[*page_fields(name), ("Cache-Control", "no-store")]
    )


def json_answer(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """JSON that must not be stored (RFC 6749, section 5.1)."""
    return web.json_response(
        value, status=status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
