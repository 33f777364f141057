"""The provider's endpoints for browsers."""

from collections.abc import Callable, Coroutine
from urllib.parse import urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from gateway.demo.authorization import (
    AuthorizationRequest,
    UntrustedRequestError,
    find_client,
    read_request,
)
from gateway.demo.clients import Client, OAuthError
from gateway.demo.grants import Grant, Login
from gateway.demo.people import PEOPLE, person_named
from gateway.demo.state import LOGIN_COOKIE, State, page, parameters_of

BACKCHANNEL_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_TOKEN_TTL_S = 120
_BACKCHANNEL_TIMEOUT_S = 5


class BrowserEndpoints:
    """Authorization, the sign-in form, consent and logout."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def authorize(self, request: web.Request) -> web.Response:
        """The authorization endpoint, by GET or by POST (OIDC Core 1.0, section 3.1.2.1)."""
        return await self._with_request(request, self._authorize)

    async def sign_in(self, request: web.Request) -> web.Response:
        """The target of the sign-in form; the authorization request is in the query."""
        return await self._with_request(request, self._sign_in)

    async def consent(self, request: web.Request) -> web.Response:
        """The target of the consent form; the authorization request is in the query."""
        return await self._with_request(request, self._consent)

    async def end_session(self, request: web.Request) -> web.Response:
        """RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0, section 2)."""
        try:
            parameters = await parameters_of(request)
        except OAuthError as error:
            return _refusal(str(error))
        client = self._logout_client(parameters)
        target = parameters.get("post_logout_redirect_uri")
        if target is not None and (
            client is None or target not in client.post_logout_redirect_uris
        ):
            return _refusal(f"{target!r} is not a post-logout redirect URI of this client.")
        login = self._state.login_of(request)
        is_sure = "id_token_hint" in parameters or parameters.get("answer") == "yes"
        if login is not None and not is_sure:
            values = {"name": login.person.name, "parameters": parameters}
            return page("demo-logout", values)
        response: web.Response
        if target is None:
            response = page("demo-signed-out", {})
        else:
            more = {"state": parameters["state"]} if "state" in parameters else {}
            response = _redirect(target, more)
        if login is not None:
            await self._end_login(request, login)
        response.del_cookie(LOGIN_COOKIE, path="/")
        return response

    async def _with_request(
        self,
        request: web.Request,
        go_on: "_Step",
    ) -> web.Response:
        try:
            parameters = await parameters_of(request)
            client, redirect_uri = find_client(self._state.clients, parameters)
        except (UntrustedRequestError, OAuthError) as error:
            return _refusal(str(error))
        try:
            return await go_on(request, read_request(client, redirect_uri, parameters), parameters)
        except OAuthError as error:
            answer = {"error": error.code, "error_description": str(error)}
            mode = parameters.get("response_mode", "query")
            return self._answer(redirect_uri, mode, parameters.get("state"), answer)

    async def _authorize(
        self, request: web.Request, wanted: AuthorizationRequest, parameters: dict[str, str]
    ) -> web.Response:
        login = self._state.login_of(request)
        if login is None or wanted.needs_sign_in(login, self._state.clock()):
            if "none" in wanted.prompts:
                raise OAuthError("login_required", "no suitable user is signed in")
            values = {
                "people": PEOPLE,
                "client_id": wanted.client.client_id,
                "query": urlencode(parameters),
                "hint": wanted.login_hint,
                "acr_values": wanted.acr_values,
                "is_unknown": False,
            }
            return page("demo-sign-in", values)
        return self._after_sign_in(wanted, login, parameters)

    async def _sign_in(
        self, request: web.Request, wanted: AuthorizationRequest, parameters: dict[str, str]
    ) -> web.Response:
        person = person_named(parameters.pop("person", ""))
        if person is None:
            values = {
                "people": PEOPLE,
                "client_id": wanted.client.client_id,
                "query": urlencode(parameters),
                "hint": "",
                "acr_values": wanted.acr_values,
                "is_unknown": True,
            }
            return page("demo-sign-in", values, 400)
        carrier = web.Response()
        acr = wanted.acr_values[0] if wanted.acr_values else None
        login = self._state.sign_in(carrier, person, acr)
        response = self._after_sign_in(wanted, login, parameters)
        response.cookies.update(carrier.cookies)
        return response

    def _after_sign_in(
        self, wanted: AuthorizationRequest, login: Login, parameters: dict[str, str]
    ) -> web.Response:
        if "consent" in wanted.prompts:
            values = {
                "name": login.person.name,
                "client_id": wanted.client.client_id,
                "scopes": sorted(wanted.scopes),
                "query": urlencode(parameters),
            }
            return page("demo-consent", values)
        return self._issue(wanted, login)

    async def _consent(
        self, request: web.Request, wanted: AuthorizationRequest, parameters: dict[str, str]
    ) -> web.Response:
        login = self._state.login_of(request)
        if login is None or parameters.get("answer") != "yes":
            raise OAuthError("access_denied", "the user refused consent")
        return self._issue(wanted, login)

    def _issue(self, wanted: AuthorizationRequest, login: Login) -> web.Response:
        state = self._state
        grant = Grant(wanted.client, login, wanted.scopes, wanted.nonce)
        code = state.grants.add_code(grant, wanted.redirect_uri, wanted.challenge, state.clock())
        state.clients_of.setdefault(login.sid, set()).add(wanted.client.client_id)
        answer = {"code": code}
        return self._answer(wanted.redirect_uri, wanted.response_mode, wanted.state, answer)

    def _answer(
        self, redirect_uri: str, mode: str, state: str | None, answer: dict[str, str]
    ) -> web.Response:
        # RFC 9207: both codes and errors carry the issuer.
        answer = {**answer, "iss": self._state.issuer}
        if state is not None:
            answer["state"] = state
        if mode == "form_post":
            return page("demo-form-post", {"action": redirect_uri, "values": answer})
        return _redirect(redirect_uri, answer)

    def _logout_client(self, parameters: dict[str, str]) -> Client | None:
        client_id = parameters.get("client_id")
        if "id_token_hint" in parameters:
            # An expired ID token is still a valid hint (section 2 of the specification).
            claims = self._state.keys.read(parameters["id_token_hint"]) or {}
            if client_id is not None and claims.get("aud") != client_id:
                return None
            client_id = str(claims.get("aud"))
        return self._state.clients.get(client_id or "")

    async def _end_login(self, request: web.Request, login: Login) -> None:
        self._state.logins.pop(request.cookies.get(LOGIN_COOKIE, ""), None)
        for client_id in self._state.clients_of.pop(login.sid, set()):
            client = self._state.clients[client_id]
            if client.backchannel_logout_uri:
                await self._post_logout_token(client, login)

    async def _post_logout_token(self, client: Client, login: Login) -> None:
        """Send a client a logout token (OIDC Back-Channel Logout 1.0); ignore failures."""
        now = int(self._state.clock())
        claims = {
            "iss": self._state.issuer,
            "aud": client.client_id,
            "sub": login.person.subject,
            "sid": login.sid,
            "iat": now,
            "exp": now + _LOGOUT_TOKEN_TTL_S,
            "jti": f"{login.sid}-{client.client_id}-{now}",
            "events": {BACKCHANNEL_EVENT: {}},
        }
        algorithm = client.id_token_signed_response_alg
        token = self._state.keys.sign(claims, algorithm, typ="logout+jwt")
        timeout = ClientTimeout(total=_BACKCHANNEL_TIMEOUT_S)
        try:
            async with (
                ClientSession(timeout=timeout) as session,
                session.post(client.backchannel_logout_uri, data={"logout_token": token}),
            ):
                pass
        except (ClientError, TimeoutError):
            return


_Step = Callable[
    [web.Request, AuthorizationRequest, dict[str, str]], Coroutine[None, None, web.Response]
]


def _redirect(target: str, parameters: dict[str, str]) -> web.Response:
    joint = "&" if "?" in target else "?"
    location = f"{target}{joint}{urlencode(parameters)}" if parameters else target
    # 303, so that the browser does not resend the sign-in form (RFC 9700, section 4.12).
    return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})


def _refusal(message: str) -> web.Response:
    return page("demo-refusal", {"message": message}, 400)
