"""``register``: a client registers itself (RFC 7591)."""

from gateway import responses
from gateway.authserver.client_metadata import (
    SECRET_METHODS,
    MetadataError,
    auth_method_of,
    check_flow,
    name_of,
    read_metadata,
    redirect_uris_of,
)
from gateway.authserver.registrations import Made, Registrations, TooManyRegistrationsError
from gateway.authserver.scopes import USUAL
from gateway.endpoints.oauth import OAuthError, refusal
from gateway.endpoints.strict import JSON, media_type
from gateway.message.request import Request
from gateway.message.response import Response

_MOST_BYTES = 16 * 1024
_TOO_MANY_REQUESTS = 429
_PUBLIC = "none"


class ClientRegistration:
    """Handler of ``register``.

    Anyone may call it, so what it is told is only kept, and shown as what it is.  Software
    statements and all members that mean nothing here are ignored (section 2).
    """

    def __init__(self, registrations: Registrations) -> None:
        self._registrations = registrations

    async def register(self, request: Request, body: bytes) -> Response:
        """``POST`` of JSON: 201 with the client's id and what it may do, or an error (3.2.2)."""
        try:
            self._take_turn(request)
            answer = await self._register(request, body)
        except MetadataError as wrong:
            reason = "invalid-client-metadata"
            return refusal(request, OAuthError(wrong.error, reason, f"The request {wrong}."))
        except TooManyRegistrationsError as error:
            later = OAuthError(
                "temporarily_unavailable", error.reason, detail=str(error), status=error.status
            )
            return refusal(request, later)
        except OAuthError as refused:
            return refusal(request, refused)
        return responses.json_answer(request, 201, answer)

    def _take_turn(self, request: Request) -> None:
        # Mistakes count too: a client that is refused has no reason to come again at once.
        wait_s = self._registrations.turns.take(request.client, request.received_at)
        if wait_s:
            raise OAuthError(
                "temporarily_unavailable",
                "registrations-throttled",
                status=_TOO_MANY_REQUESTS,
                fields=(("Retry-After", str(int(wait_s) + 1)),),
            )

    async def _register(self, request: Request, body: bytes) -> dict[str, object]:
        if len(body) > _MOST_BYTES:
            raise MetadataError("has more than 16 KiB")
        if media_type(request) != JSON:
            raise MetadataError("is not application/json")
        metadata = read_metadata(body)
        uris = redirect_uris_of(metadata)
        method = auth_method_of(metadata)
        if method != _PUBLIC and method not in SECRET_METHODS:
            methods = ", ".join((_PUBLIC, *sorted(SECRET_METHODS)))
            raise MetadataError(f"needs a token_endpoint_auth_method of {methods}")
        check_flow(metadata)
        made = await self._registrations.make(
            name_of(metadata), uris, has_secret=method in SECRET_METHODS
        )
        return _told(made, method)


def _told(made: Made, method: str) -> dict[str, object]:
    """The answer of section 3.2.1: what was registered, which may be less than was asked for."""
    client = made.registered.client
    answer: dict[str, object] = {
        "client_id": client.client_id,
        "client_id_issued_at": int(made.registered.registered_at),
        "client_name": client.name,
        "redirect_uris": client.redirect_uris,
        "token_endpoint_auth_method": method,
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": " ".join(sorted(USUAL)),
    }
    if made.secret is not None:
        # It does not expire before the client does.
        answer |= {"client_secret": made.secret, "client_secret_expires_at": 0}
    return answer
