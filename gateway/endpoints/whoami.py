"""``GET whoami``: the request's identity."""

from collections.abc import Callable

from gateway import responses
from gateway.authn import Authenticated, NotPresented, Outcome, Rejected
from gateway.endpoints.deps import Deps
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Identity


def describe(identity: Identity) -> dict[str, object]:
    """The JSON of ``whoami`` for `identity`; never a token."""
    return {
        "user": identity.user,
        "subject": identity.subject,
        "issuer": identity.issuer,
        "provider": identity.provider,
        "account_id": identity.account_id,
        "external_id": identity.external_id,
        "email": identity.email,
        "name": identity.name,
        "groups": identity.groups,
        "roles": identity.roles,
        "scopes": sorted(identity.scopes),
        "credential": identity.credential,
        "authenticated_at": identity.authenticated_at,
        "expires_at": identity.expires_at,
    }


class Whoami:
    """Handler of ``whoami``."""

    def __init__(
        self, deps: Deps, described: Callable[[Identity], dict[str, object]] = describe
    ) -> None:
        """Answer with what `described` says of an identity."""
        self._deps = deps
        self._described = described

    async def tell(self, request: Request, _body: bytes) -> Response:
        """The identity as JSON, or 401 if the request is anonymous."""
        outcome, admission = await self._outcome(request), self._deps.admission
        if isinstance(outcome, Authenticated) and outcome.identity.resources:
            # A client that may call an MCP server may not read who the person is.
            return responses.rejected(
                request, "token-not-for-resource", admission, presented="token"
            )
        if isinstance(outcome, Authenticated):
            told = responses.json_answer(request, 200, self._described(outcome.identity))
            return told.about(outcome.identity)
        if isinstance(outcome, Rejected) and not outcome.clears_cookie:
            return responses.rejected(
                request, outcome.reason, admission, presented=outcome.kind, status=outcome.status
            )
        name = self._deps.cookies.session_name(request)
        if request.cookies(name):
            cleared = self._deps.cookies.no_session_cookie(request)
            return responses.rejected(
                request, "session-expired", admission, presented="session", fields=(cleared,)
            )
        return responses.rejected(request, "sign-in-required", admission)

    async def _outcome(self, request: Request) -> Outcome:
        if self._deps.identify is not None:
            return await self._deps.identify(request)
        session = await self._deps.session(request)
        return NotPresented() if session is None else Authenticated(session.identity)
