"""The provider's endpoints for clients."""

import secrets
from collections.abc import Mapping

from aiohttp import web

from gateway.demo.clients import Client, OAuthError, authenticate
from gateway.demo.grants import ACCESS_TTL_S, Grant
from gateway.demo.signing import half_hash, s256_challenge
from gateway.demo.state import State, json_answer, parameters_of

_ID_TOKEN_TTL_S = 300


class ClientEndpoints:
    """Token, userinfo, key set, revocation and introspection endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def token(self, request: web.Request) -> web.Response:
        """The token endpoint (RFC 6749, sections 4.1.3 and 6)."""
        try:
            form, client = await self._authenticated(request)
            return json_answer(self._issue(form, client))
        except OAuthError as error:
            return _error(error)

    async def userinfo(self, request: web.Request) -> web.Response:
        """Claims about the access token's user (OIDC Core 1.0, section 5.3)."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        token = self._state.grants.live_access(value, self._state.clock())
        if scheme.lower() != "bearer" or token is None:
            challenge = 'Bearer realm="userinfo", error="invalid_token"'
            refusal = {"error": "invalid_token"}
            return json_answer(refusal, 401, {"WWW-Authenticate": challenge})
        return json_answer(token.grant.login.person.claims(token.scopes))

    async def jwks(self, request: web.Request) -> web.Response:
        """The public keys."""
        headers = {"Cache-Control": "public, max-age=300"}
        return web.json_response(self._state.keys.public(), headers=headers)

    async def revoke(self, request: web.Request) -> web.Response:
        """RFC 7009; an unknown token is not an error (section 2.2)."""
        try:
            form, client = await self._authenticated(request)
        except OAuthError as error:
            return _error(error)
        self._state.grants.revoke(form.get("token", ""), client)
        return web.Response(headers={"Cache-Control": "no-store"})

    async def introspect(self, request: web.Request) -> web.Response:
        """RFC 7662, for any confidential client."""
        try:
            form, client = await self._authenticated(request)
        except OAuthError as error:
            return _error(error)
        if client.client_secret is None:
            return _error(OAuthError("invalid_client", "a public client may not introspect", 401))
        return json_answer(self._describe(form.get("token", "")))

    async def _authenticated(self, request: web.Request) -> tuple[dict[str, str], Client]:
        if request.query_string:
            # RFC 6749, section 2.3.1: credentials must not be in the target, which is often logged.
            raise OAuthError("invalid_request", "parameters belong in the body")
        form = await parameters_of(request)
        authorization = request.headers.get("Authorization")
        return form, authenticate(self._state.clients, authorization, form)

    def _issue(self, form: Mapping[str, str], client: Client) -> dict[str, object]:
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem_code(form, client)
            case "refresh_token":
                return self._refresh(form, client)
            case other:
                raise OAuthError("unsupported_grant_type", f"{other!r} is not supported")

    def _redeem_code(self, form: Mapping[str, str], client: Client) -> dict[str, object]:
        now = self._state.clock()
        record = self._state.grants.redeem_code(form.get("code", ""), client, now)
        if form.get("redirect_uri") != record.redirect_uri:
            raise OAuthError("invalid_grant", "redirect_uri differs from that of the request")
        challenge = s256_challenge(form.get("code_verifier", ""))
        if not secrets.compare_digest(challenge, record.challenge):
            raise OAuthError("invalid_grant", "code_verifier does not match the challenge")
        return self._tokens(record.grant, record.grant.scopes, record.grant.nonce)

    def _refresh(self, form: Mapping[str, str], client: Client) -> dict[str, object]:
        value = form.get("refresh_token", "")
        scopes = frozenset(form.get("scope", "").split())
        grant = self._state.grants.rotate_refresh(value, client, self._state.clock())
        if scopes - grant.scopes:
            raise OAuthError("invalid_scope", "a refresh cannot widen the scope")
        return self._tokens(grant, scopes or grant.scopes, None)

    def _tokens(self, grant: Grant, scopes: frozenset[str], nonce: str | None) -> dict[str, object]:
        now = self._state.clock()
        access = self._access_token(grant, scopes, int(now))
        self._state.grants.add_access(access, grant, scopes, now)
        answer: dict[str, object] = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": ACCESS_TTL_S,
            "scope": " ".join(sorted(scopes)),
            "id_token": self._id_token(grant, scopes, nonce, access, int(now)),
        }
        if "offline_access" in grant.scopes:
            answer["refresh_token"] = self._state.grants.add_refresh(grant, now)
        return answer

    def _access_token(self, grant: Grant, scopes: frozenset[str], now: int) -> str:
        if grant.client.opaque_access_tokens:
            return secrets.token_urlsafe(32)
        claims: dict[str, object] = {
            "iss": self._state.issuer,
            "aud": grant.client.client_id,
            "client_id": grant.client.client_id,
            "scope": " ".join(sorted(scopes)),
            "iat": now,
            "exp": now + ACCESS_TTL_S,
            "jti": secrets.token_urlsafe(12),
            **grant.login.person.claims(scopes),
        }
        # RFC 9068, section 2.1.
        return self._state.keys.sign(claims, "RS256", typ="at+jwt")

    def _id_token(
        self, grant: Grant, scopes: frozenset[str], nonce: str | None, access: str, now: int
    ) -> str:
        login = grant.login
        told = scopes if grant.client.claims_in_id_token else frozenset[str]()
        claims: dict[str, object] = {
            **login.person.claims(told),
            "iss": self._state.issuer,
            "aud": grant.client.client_id,
            "iat": now,
            "exp": now + _ID_TOKEN_TTL_S,
            "auth_time": login.auth_time,
            "amr": list(login.amr),
            "sid": login.sid,
            "at_hash": half_hash(access),
        }
        if nonce is not None:
            claims["nonce"] = nonce
        if login.acr is not None:
            claims["acr"] = login.acr
        return self._state.keys.sign(claims, grant.client.id_token_signed_response_alg)

    def _describe(self, value: str) -> dict[str, object]:
        now = self._state.clock()
        grants = self._state.grants
        token = grants.live_access(value, now) or grants.live_refresh(value, now)
        if token is None:
            return {"active": False}
        person = token.grant.login.person
        return {
            "active": True,
            "iss": self._state.issuer,
            "sub": person.subject,
            "username": person.username,
            "client_id": token.grant.client.client_id,
            "aud": token.grant.client.client_id,
            "scope": " ".join(sorted(token.scopes)),
            "exp": int(token.expires_at),
            "token_type": "Bearer" if value in grants.access else "refresh_token",
        }


def _error(error: OAuthError) -> web.Response:
    headers = {}
    if error.status == web.HTTPUnauthorized.status_code:
        headers["WWW-Authenticate"] = 'Basic realm="token endpoint"'
    answer = {"error": error.code, "error_description": str(error)}
    return json_answer(answer, error.status, headers)
