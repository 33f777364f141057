"""``end_session``: a client signs its user out (OpenID Connect RP-Initiated Logout 1.0)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from gateway import responses
from gateway.authserver.person_claims import subject_of
from gateway.authserver.request import (
    InvalidAuthorizationRequestError,
    Parameters,
    UnknownRedirectError,
    read_parameters,
)
from gateway.authserver.server import AuthServer
from gateway.credentials.redirects import is_registered
from gateway.endpoints.authorization_server import issuer_of
from gateway.endpoints.deps import Deps
from gateway.endpoints.logout import Logout
from gateway.endpoints.origin import is_same_origin
from gateway.endpoints.parameters import read_whole_form
from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.oidc.tokens import BadTokenError, SignedToken
from gateway.sessions.session import Session

END_SESSION_PATH = f"{OWN_PREFIX}/end_session"


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that may be granted.

    Attributes:
        hint: The verified ID token, which may have expired.
        then: Where to go on, registered by its client; None for our own page.
    """

    hint: SignedToken | None
    then: str | None


class EndSession:
    """Handlers of ``end_session``."""

    def __init__(self, deps: Deps, server: AuthServer, logout: Logout) -> None:
        self._deps = deps
        self._server = server
        self._logout = logout

    async def ask(self, request: Request, _body: bytes) -> Response:
        """``GET``: sign out, or ask first if anybody could have sent the person here.

        Raises:
            GatewayError: The request is wrong; nobody is redirected.
        """
        asked = await self._read(request, read_parameters(request.target.query))
        session = await self._deps.session(request)
        if session is not None and not await self._is_theirs(asked, session):
            here = own_path(request, END_SESSION_PATH)
            return self._logout.question(request, session, f"{here}?{request.target.query}")
        return await self._end(request, asked)

    async def end(self, request: Request, body: bytes) -> Response:
        """``POST``: the person's answer, or a client's form (section 2).

        A form goes on with GET, because browsers send no cookie with a form of another site.

        Raises:
            GatewayError: The request is wrong; nobody is redirected.
        """
        form = read_whole_form(body)
        if form is None:
            raise InvalidAuthorizationRequestError("the form cannot be read")
        if form or not is_same_origin(request):
            here = own_path(request, END_SESSION_PATH)
            query = urlencode(form) if form else request.target.query
            return responses.redirect(request, f"{here}?{query}", status=303)
        asked = await self._read(request, read_parameters(request.target.query))
        return await self._end(request, asked)

    async def _read(self, request: Request, parameters: Parameters) -> _Asked:
        if any(len(values) > 1 for values in parameters.values()):
            raise InvalidAuthorizationRequestError("a parameter is given twice")
        given = {name: values[0] for name, values in parameters.items()}
        hint = await self._hint(request, given.get("id_token_hint"))
        named = None if hint is None else str(hint.claims.get("aud"))
        asked = given.get("client_id", named)
        if named not in (None, asked):
            raise InvalidAuthorizationRequestError("client_id is not that of id_token_hint")
        uri = given.get("post_logout_redirect_uri")
        if uri is None:
            return _Asked(hint, None)
        # Clients that are not in the configuration register no such URI.
        client = self._server.clients.configured.get(asked or "")
        if client is None or not is_registered(uri, client.post_logout_redirect_uris):
            shown = uri.partition("?")[0][:200]
            raise UnknownRedirectError(f"no client has registered {shown!r} for after a sign-out")
        state = given.get("state")
        joint = "&" if "?" in uri else "?"
        return _Asked(hint, uri if state is None else f"{uri}{joint}{urlencode({'state': state})}")

    async def _hint(self, request: Request, token: str | None) -> SignedToken | None:
        """The ID token `token`, if we issued it, even if it has expired (section 2)."""
        if token is None:
            return None
        try:
            hint = await self._server.id_token_keys.verify(token)
        except BadTokenError as error:
            raise InvalidAuthorizationRequestError(f"id_token_hint: {error}") from error
        # A logout token is signed by the same key.
        if hint.claims.get("iss") != issuer_of(request) or "events" in hint.claims:
            raise InvalidAuthorizationRequestError("id_token_hint is no ID token of this issuer")
        return hint

    async def _is_theirs(self, asked: _Asked, session: Session) -> bool:
        """Whether the hint comes from a sign-in of this very session."""
        if asked.hint is None or asked.hint.claims.get("sub") != subject_of(session.identity):
            return False
        sid = asked.hint.claims.get("sid")
        sign_in = await self._server.sign_ins.find(sid) if isinstance(sid, str) else None
        return (
            sign_in is not None
            and sign_in.browser == session.session_id
            and sign_in.client == asked.hint.claims.get("aud")
        )

    async def _end(self, request: Request, asked: _Asked) -> Response:
        session = await self._logout.end_sessions(request)
        if asked.then is None:
            response = await self._logout.leave(request, session)
        else:
            fields = self._logout.forget(request, session)
            response = responses.redirect(request, asked.then, fields=fields)
        return response if session is None else response.about(session.identity)
