"""The client's direct calls to the provider in the code flow."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.client_auth import prove_client
from gateway.oidc.discovery import Metadata
from gateway.oidc.errors import (
    ClientRefusedError,
    CodeRefusedError,
    ProviderRefusedError,
    RefreshRefusedError,
    SubjectMismatchError,
    TokenTooLargeError,
    UserinfoRefusedError,
)
from gateway.oidc.http import Answer, ProviderHttp
from gateway.oidc.numbers import finite
from gateway.oidc.registration import Registration
from gateway.storage.store import Clock

_OK = 200
_CREATED = 201
_UNAUTHORIZED = 401
_FORBIDDEN = 403
# RFC 6750, section 3.1: the token is invalid, or lacks the scope for this.
_TOKEN_REFUSED = frozenset({401, 403})
# These say nothing about the grant: the client was throttled, or the request did not get through.
_TRY_LATER = frozenset({408, 425, 429})
_REFUSALS = range(400, 500)
# The response to a refresh may hold the only valid refresh token, so wait longer for a slow
# provider.
REFRESH_TIMEOUT_S = 30.0
# Larger than any real token, and about the largest header field that servers accept.
_JSON, _JWT = "application/json", "application/jwt"
_MAX_TOKEN_CHARACTERS = 32 * 1024
_MAX_REQUEST_URI_CHARACTERS = 2048
# Before an access token that a session keeps in the place of a refresh token, to ask again with.
# `read_tokens` takes no token with a blank in it, so none begins like this.
KEPT_ACCESS = "access "


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """The response of the token endpoint (RFC 6749, section 5.1).

    Attributes:
        expires_at: When the access token expires; None if the provider does not say.
        refresh_token: Often None: not every provider or client gets one.
        id_token: As received; verified after a sign-in, optional after a refresh.
        scopes: The granted scopes; None if they are as requested.
    """

    access_token: str = field(repr=False)
    expires_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


def read_tokens(document: Mapping[str, object], now: float) -> TokenAnswer:
    """Parse a response of the token endpoint that arrived at `now`.

    Raises:
        TokenTooLargeError: a token is larger than 32 KiB.
        ProviderUnavailableError: a member is missing or of the wrong type.
    """
    access_token = _token(document, "access_token")
    kind = document.get("token_type")
    if access_token is None or not isinstance(kind, str) or kind.lower() != "bearer":
        bound = isinstance(kind, str) and kind.lower() == "dpop"
        hint = ": turn DPoP (RFC 9449) off for this client at the provider" if bound else ""
        raise ProviderUnavailableError(f"no access token, or of type {kind!r}{hint}")
    scope = document.get("scope")
    return TokenAnswer(
        access_token=access_token,
        expires_at=_expiry(document.get("expires_in"), now),
        refresh_token=_token(document, "refresh_token"),
        id_token=_token(document, "id_token"),
        scopes=frozenset(scope.split()) if isinstance(scope, str) else None,
    )


def _token(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    # RFC 6749, appendix A.12: visible ASCII.  Anything else cannot be sent in a field.
    if not isinstance(value, str):
        raise ProviderUnavailableError(f"the {name} is not text")
    if len(value) > _MAX_TOKEN_CHARACTERS:
        size = f"{len(value)} bytes of at most {_MAX_TOKEN_CHARACTERS}"
        raise TokenTooLargeError(f"the {name} has {size}: have the provider put less into it")
    if not all("\x20" < character < "\x7f" for character in value):
        raise ProviderUnavailableError(f"the {name} has characters that are not allowed in a token")
    return value


def _expiry(value: object, now: float) -> float | None:
    # Some providers send the number as a string.
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    seconds = finite(value)
    return None if seconds is None else now + max(0.0, seconds)


# Verifies a JWT from the provider and returns its claims.
ReadSigned = Callable[[str], Awaitable[Mapping[str, object]]]


class ProviderClient:
    """Calls the token, userinfo and revocation endpoints as one registered client."""

    def __init__(self, registration: Registration, http: ProviderHttp, clock: Clock) -> None:
        self._registration = registration
        self._http = http
        self._clock = clock

    async def redeem(
        self, metadata: Metadata, code: str, *, redirect_uri: str, code_verifier: str
    ) -> TokenAnswer:
        """Exchange `code` for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.5).

        Raises:
            CodeRefusedError: the provider does not accept the code.
            ClientRefusedError: it does not accept the client.
            ProviderUnavailableError: it gave no usable answer.
        """
        answer = await self._ask_tokens(
            metadata,
            [
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", redirect_uri),
                ("code_verifier", code_verifier),
            ],
        )
        if _is_refusal(answer):
            kind = ClientRefusedError if _is_about_client(answer) else CodeRefusedError
            raise kind(_described(answer, code, code_verifier))
        return self._read(answer)

    async def push(self, metadata: Metadata, parameters: list[tuple[str, str]]) -> str:
        """Push an authorization request; the ``request_uri`` that stands for it (RFC 9126).

        Raises:
            ClientRefusedError: the provider does not accept the client.
            ProviderRefusedError: it does not accept the request.
            ProviderUnavailableError: it gave no usable answer, or has no endpoint for it.
        """
        endpoint = metadata.pushed_authorization_request_endpoint
        if endpoint is None:
            who = f'provider "{self._registration.name}"'
            raise ProviderUnavailableError(
                f"{who}: pushed_authorization needs pushed_authorization_request_endpoint, which"
                " its discovery document lacks"
            )
        answer = await self._post(metadata, endpoint, parameters)
        if _is_refusal(answer):
            kind = ClientRefusedError if _is_about_client(answer) else ProviderRefusedError
            raise kind(f"the pushed authorization request: {_described(answer)}")
        # Section 2.2 has 201; some providers answer 200.
        found = answer.json_object().get("request_uri") if answer.status in (_CREATED, _OK) else ""
        if not isinstance(found, str) or not 0 < len(found) <= _MAX_REQUEST_URI_CHARACTERS:
            raise ProviderUnavailableError(f"no request_uri: {_described(answer)}")
        return found

    async def refresh(self, metadata: Metadata, refresh_token: str) -> TokenAnswer:
        """Get tokens for `refresh_token` (RFC 6749, section 6), often without a new refresh token.

        Raises:
            RefreshRefusedError: the grant has ended (``invalid_grant``).
            ProviderUnavailableError: anything else; the grant may still be valid.
        """
        answer = await self._ask_tokens(
            metadata,
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token)],
            timeout_s=REFRESH_TIMEOUT_S,
        )
        if _is_refusal(answer) and _error_code(answer) == "invalid_grant":
            raise RefreshRefusedError(_described(answer, refresh_token))
        return self._read(answer)

    async def revoke(self, metadata: Metadata, token: str, kind: str) -> None:
        """Revoke `token` (RFC 7009); does nothing if the provider has no revocation endpoint.

        Raises:
            ProviderUnavailableError: the provider did not confirm it.
        """
        if metadata.revocation_endpoint is None:
            return
        parameters = [("token", token), ("token_type_hint", kind)]
        answer = await self._post(metadata, metadata.revocation_endpoint, parameters)
        if answer.status != _OK:
            raise ProviderUnavailableError(_described(answer))

    async def userinfo(
        self, endpoint: str, access_token: str, subject: str, read_signed: ReadSigned
    ) -> Mapping[str, object]:
        """The claims about `subject` from userinfo (OpenID Connect Core 1.0, section 5.3).

        `read_signed` returns the claims if the response is a JWT.

        Raises:
            SubjectMismatchError: they are about another subject (section 5.3.2).
            UserinfoRefusedError: the token is not accepted for userinfo.
            ProviderUnavailableError: there is no readable response.
        """
        answer = await self._http.get(endpoint, fields={"Authorization": f"Bearer {access_token}"})
        if answer.status != _OK or answer.media_type not in (_JSON, _JWT):
            found = f"status {answer.status}, media type {answer.media_type[:100]!r}"
            refused = answer.status in _TOKEN_REFUSED
            kind = UserinfoRefusedError if refused else ProviderUnavailableError
            who = f'provider "{self._registration.name}"'
            raise kind(f"{who}: userinfo at {answer.url}: {found}")
        claims: Mapping[str, object]
        if answer.media_type == _JWT:
            claims = await read_signed(answer.body.decode("latin-1"))
        else:
            claims = answer.json_object()
        if claims.get("sub") != subject:
            raise SubjectMismatchError(f"userinfo is about {claims.get('sub')!r}")
        return claims

    async def _ask_tokens(
        self,
        metadata: Metadata,
        parameters: list[tuple[str, str]],
        timeout_s: float | None = None,
    ) -> Answer:
        # RFC 8707, section 2.2: every token request must name the resource again.
        resource = self._registration.authorize_params.get("resource", ())
        resources = (resource,) if isinstance(resource, str) else resource
        named = [*parameters, *(("resource", item) for item in resources)]
        return await self._post(metadata, metadata.token_endpoint, named, timeout_s)

    async def _post(
        self,
        metadata: Metadata,
        url: str,
        parameters: list[tuple[str, str]],
        timeout_s: float | None = None,
    ) -> Answer:
        proof = prove_client(self._registration, metadata, self._clock())
        # A pushed authorization request names the client too; no parameter may come twice (RFC
        # 6749, section 3.2).
        proven = {name for name, _ in proof.parameters}
        named = [it for it in parameters if it[0] not in proven]
        form = urlencode([*named, *proof.parameters]).encode()
        return await self._http.post(url, form, fields=dict(proof.fields), timeout_s=timeout_s)

    def _read(self, answer: Answer) -> TokenAnswer:
        if answer.status != _OK:
            raise ProviderUnavailableError(_described(answer))
        return read_tokens(answer.json_object(), self._clock())


def _is_refusal(answer: Answer) -> bool:
    return answer.status in _REFUSALS and answer.status not in _TRY_LATER


def _is_about_client(answer: Answer) -> bool:
    if answer.status == _UNAUTHORIZED or _error_code(answer) == "invalid_client":
        return True
    # Glewlwyd.  With status 400, Gitea says the same of an unknown code.
    return answer.status == _FORBIDDEN and _error_code(answer) == "unauthorized_client"


def _error_code(answer: Answer) -> str:
    return _member(answer, "error")


def _member(answer: Answer, name: str) -> str:
    try:
        value = answer.json_object().get(name)
    except GatewayError:
        return ""
    return value if isinstance(value, str) else ""


def _described(answer: Answer, *sent: str) -> str:
    """For the log: what the provider says (RFC 6749, section 5.2), without the secrets `sent`."""
    told = f"{answer.url}: status {answer.status}, error {_error_code(answer)[:100]!r}"
    detail = _member(answer, "error_description")
    for secret in sent:
        detail = detail.replace(secret, "…")
    return f"{told}: {detail[:200]!r}" if detail else told
