"""Sign-out started by the provider: back-channel and front-channel logout."""

import contextlib
import logging
from hashlib import sha256
from urllib.parse import urlsplit

from gateway import responses
from gateway.endpoints.deps import Deps
from gateway.endpoints.logout import Logout
from gateway.endpoints.oauth import OAuthError, read_oauth_form, refusal
from gateway.endpoints.parameters import read_form
from gateway.errors import GatewayError, MalformedRequestError
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.oidc.errors import IssuerMismatchError, UnknownProviderError
from gateway.oidc.logout_token import InvalidLogoutTokenError, LogoutToken, read_logout_token
from gateway.oidc.provider import Provider
from gateway.sealing.sealer import structured
from gateway.sessions.record import SessionInfo

_log = logging.getLogger(__name__)


class ProviderLogout:
    """Handlers of ``backchannel-logout/{provider}`` and ``frontchannel-logout/{provider}``."""

    def __init__(self, deps: Deps, logout: Logout) -> None:
        self._deps = deps
        self._logout = logout

    async def back_channel(self, name: str, request: Request, body: bytes) -> Response:
        """``POST``: the provider sends a logout token that names the sessions to end.

        OpenID Connect Back-Channel Logout 1.0, sections 2.5 to 2.8.
        """
        if name not in self._deps.told_of_logouts:
            raise UnknownProviderError(f"no logout tokens are accepted for {name!r}")
        provider = self._provider(name)
        try:
            found = await read_logout_token(
                _sent_token(request, body),
                provider.registration,
                provider.keys,
                self._deps.clock(),
                clients=self._apps_of(provider).values(),
            )
            ended = await self._once(provider, found)
        except InvalidLogoutTokenError as error:
            _log.warning(
                "logout token for %s: %s", name, error, extra={"request_id": request.request_id}
            )
            # Section 2.8.
            return refusal(request, OAuthError("invalid_request", error.reason))
        _log.info("%s ended %d sessions", name, ended, extra={"request_id": request.request_id})
        return Response(200, (responses.NO_STORE,))

    async def front_channel(self, name: str, request: Request, _body: bytes) -> Response:
        """``GET``: the provider's page loads this in a frame to end a session.

        OpenID Connect Front-Channel Logout 1.0, section 2.  The session id is required, because
        otherwise any page could sign users out, and so is the issuer, unless the provider never
        sends it.  Everybody knows the issuer, so it keeps nobody out.
        """
        provider = self._provider(name)
        registration = provider.registration
        asked = read_form(request.target.query)
        issuer = asked.get("iss", None if registration.logout_names_issuer else registration.issuer)
        if issuer not in registration.issuers:
            raise IssuerMismatchError(f"front-channel logout of {issuer!r}")
        if not asked.get("sid"):
            raise MalformedRequestError("front-channel logout without sid")
        here = await self._deps.session(request)
        found = await self._under_sid(provider, issuer, asked["sid"])
        await self._deps.all_sessions.end_these(found)
        fields: FieldList = ()
        if here is not None and any(info.session_id == here.session_id for info in found):
            fields = self._logout.forget(request, here)
        return _in_a_frame(await _origins(provider), fields)

    def _provider(self, name: str) -> Provider:
        provider = self._deps.providers.get(name)
        if provider is None:
            raise UnknownProviderError(f"no provider {name!r}")
        return provider

    async def _once(self, provider: Provider, token: LogoutToken) -> int:
        """End the sessions that `token` names, unless it was used before; returns their number."""
        store = self._deps.store
        named = _signed_alike(await self._named(provider, token), token)
        key = once_key(provider.registration.issuer, token.token_id)
        left_s = max(1.0, token.good_until - self._deps.clock())
        if not await store.add_once(key, ttl_s=left_s):
            raise InvalidLogoutTokenError("the logout token was used before")
        try:
            return len(await self._deps.all_sessions.end_these(named))
        except GatewayError:
            # The sessions may not have ended, so let the provider send the token again.
            await store.delete(key)
            raise

    async def _named(self, provider: Provider, token: LogoutToken) -> list[SessionInfo]:
        under_sid = (
            [] if token.sid is None else await self._under_sid(provider, token.issuer, token.sid)
        )
        if token.subject is None:
            return under_sid
        of_subject = [
            info
            for info in await self._deps.all_sessions.list_of(
                provider.registration.issuer_in({"iss": token.issuer}), token.subject
            )
            if info.provider == provider.registration.name
        ]
        if token.sid is None:
            return of_subject
        # A session without a provider sid may be the one to end, if it belongs to the client that
        # the token is for.
        apps, own = self._apps_of(provider), provider.registration.client_id
        # The tokens of other clients live on, because they are for when the person is away.
        return [
            *(info for info in under_sid if info.subject == token.subject),
            *(
                info
                for info in of_subject
                if info.provider_sid is None
                and (own if info.client is None else apps.get(info.client)) in token.clients
            ),
        ]

    def _apps_of(self, provider: Provider) -> dict[str, str]:
        """The apps whose users sign in at `provider`: name -> client id there."""
        apps = () if self._deps.apps is None else self._deps.apps.known.values()
        found = {app.name: app.provider.registration for app in apps}
        name = provider.registration.name
        return {app: it.client_id for app, it in found.items() if it.name == name}

    async def _under_sid(self, provider: Provider, issuer: str, sid: str) -> list[SessionInfo]:
        registration = provider.registration
        known = registration.issuer_in({"iss": issuer})
        found = await self._deps.all_sessions.list_by_sid(known, sid)
        return [info for info in found if info.provider == registration.name]


def once_key(issuer: str, token_id: str) -> str:
    """The key in the store that marks the issuer's logout token `token_id` as used."""
    named = structured(issuer.encode(), token_id.encode("utf-8", "surrogatepass"))
    return f"logout-token:{sha256(named).hexdigest()}"


def _signed_alike(named: list[SessionInfo], token: LogoutToken) -> list[SessionInfo]:
    """The sessions in `named` whose ID token has the signature algorithm of `token`.

    Section 2.6: a logout token is verified like an ID token, including the algorithm.

    Raises:
        InvalidLogoutTokenError: There are sessions, but none with that algorithm.
    """
    alike = [info for info in named if info.signed_with in (None, token.algorithm)]
    if named and not alike:
        raise InvalidLogoutTokenError(
            f"signed with {token.algorithm}; ID tokens come with {named[0].signed_with}"
        )
    return alike


def _sent_token(request: Request, body: bytes) -> str:
    try:
        token = read_oauth_form(request, body).get("logout_token")
    except OAuthError as error:
        raise InvalidLogoutTokenError(str(error)) from error
    if token is None:
        raise InvalidLogoutTokenError("the form has no logout_token")
    return token


async def _origins(provider: Provider) -> set[str]:
    """Possible origins of the provider's sign-out page, which embeds the frame."""
    pages = {provider.registration.issuer}
    with contextlib.suppress(GatewayError):  # Then only the issuer's own origin is allowed.
        pages.add((await provider.metadata()).end_session_endpoint or "")
    parts = [urlsplit(page) for page in pages if page]
    return {f"{part.scheme}://{part.netloc}" for part in parts}


def _in_a_frame(origins: set[str], fields: FieldList) -> Response:
    ancestors = " ".join(sorted(origins))
    about = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", f"default-src 'none'; frame-ancestors {ancestors}"),
        ("X-Content-Type-Options", "nosniff"),
        responses.NO_STORE,
    )
    body = b'<!doctype html><html lang="en"><title>Signed out</title></html>'
    return Response(200, (*about, *fields), body)
