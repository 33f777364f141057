"""``GET whoami``: who the gateway thinks is asking."""

from gateway import responses
from gateway.endpoints.deps import Deps
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import ANONYMOUS, Identity


def describe(identity: Identity) -> dict[str, object]:
    """What ``whoami`` says of `identity`; never a token."""
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

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    async def tell(self, request: Request, _body: bytes) -> Response:
        """The identity as JSON; 401 when nobody is signed in."""
        identity = await self._identity(request)
        if not identity.is_anonymous:
            return responses.json_answer(request, 200, describe(identity))
        name = self._deps.cookies.session_name(request)
        if request.cookies(name):
            cleared = self._deps.cookies.no_session_cookie(request)
            return responses.rejected(
                request, "session-expired", presented="session", fields=(cleared,)
            )
        return responses.rejected(request, "sign-in-required")

    async def _identity(self, request: Request) -> Identity:
        if self._deps.identify is not None:
            return await self._deps.identify(request)
        session = await self._deps.session(request)
        return ANONYMOUS if session is None else session.identity
