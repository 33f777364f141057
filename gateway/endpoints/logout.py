"""Sign-out: ``GET logout`` asks for confirmation, ``POST logout`` ends the session."""

import logging
import secrets

from gateway import responses
from gateway.endpoints.deps import Deps
from gateway.endpoints.flows import drop_flows
from gateway.endpoints.origin import is_same_origin
from gateway.errors import GatewayError
from gateway.message.public_url import home_of, own_path
from gateway.message.request import Request
from gateway.message.response import FieldList, Response
from gateway.oidc.sign_out import sign_out_url
from gateway.sessions.session import Session

_log = logging.getLogger(__name__)


class Logout:
    """Handlers of ``logout``, which is also the provider's post-logout redirect URI."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def ask(self, request: Request, _body: bytes) -> Response:
        """The confirmation page, or the signed-out page if there is no session."""
        session = await self._deps.session(request)
        if session is None:
            return self._signed_out(request, None)
        return self.question(request, session, own_path(request, responses.LOGOUT_PATH))

    def question(self, request: Request, session: Session, action: str) -> Response:
        """The page that asks whether to sign out, whose form goes to `action`."""
        return responses.page(
            request,
            200,
            "logout",
            name=session.identity.name or session.identity.user,
            provider=self._label(session),
            action=action,
            home_url=home_of(request),
        )

    async def end(self, request: Request, _body: bytes) -> Response:
        """End the session, then redirect to the provider to end its session.

        A listener to ended sessions revokes the refresh token.
        """
        if not is_same_origin(request):
            return responses.problem(request, 403, "cross-site")
        session = await self.end_sessions(request)
        response = await self.leave(request, session)
        return response if session is None else response.about(session.identity)

    async def end_sessions(self, request: Request) -> Session | None:
        """End all sessions of the browser; returns the one that it used."""
        deps = self._deps
        session = await deps.session(request)
        for cookie in deps.session_cookies(request):
            await deps.sessions.end(cookie)
        return session

    def forget(self, request: Request, session: Session | None) -> FieldList:
        """The fields for a browser whose `session` has just ended."""
        deps = self._deps
        return (
            deps.cookies.no_session_cookie(request),
            *drop_flows(request, deps.cookies),
            *self._app_cookies(request, session),
        )

    async def leave(
        self, request: Request, session: Session | None, to_provider: bool = True
    ) -> Response:
        """The response after `session` has ended: a redirect to the provider, or a page."""
        fields = self.forget(request, session)
        location = None
        if session is not None and to_provider:
            location = await self._at_provider(request, session)
        if location is None:
            return self._signed_out(request, session, fields)
        return responses.redirect(request, location, fields=fields)

    def _app_cookies(self, request: Request, session: Session | None) -> FieldList:
        app_cookies = self._deps.app_cookies
        if app_cookies is None:
            return ()
        return app_cookies.signed_out(request, None if session is None else session.identity)

    async def _at_provider(self, request: Request, session: Session) -> str | None:
        provider = self._deps.providers.get(session.provider)
        if provider is None or not provider.registration.knows_users_of(session.as_proven.issuer):
            # By that name there is another issuer now, which cannot sign the user out.
            return None
        try:
            return await sign_out_url(
                provider,
                session.tokens.id_token,
                request.public_url + responses.LOGOUT_PATH,
                secrets.token_urlsafe(16),
            )
        except GatewayError as error:
            # The session here has ended anyway, and the page says that the provider's has not.
            _log.warning(
                "sign-out at %s: %s",
                session.provider,
                error,
                extra={"request_id": request.request_id},
            )
            return None

    def _signed_out(
        self, request: Request, session: Session | None, fields: FieldList = ()
    ) -> Response:
        return responses.page(
            request,
            200,
            "signed-out",
            fields=fields,
            provider="" if session is None else self._label(session),
            provider_session_lives=session is not None and bool(self._label(session)),
            sign_in_url=own_path(request, responses.SIGN_IN_PATH),
            home_url=home_of(request),
        )

    def _label(self, session: Session) -> str:
        return session.provider if session.provider in self._deps.providers else ""
