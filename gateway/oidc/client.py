"""The calls of the code flow that go straight to the provider, as one client."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.client_auth import prove_client
from gateway.oidc.discovery import Metadata
from gateway.oidc.errors import (
    ClientRefusedError,
    CodeRefusedError,
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
_UNAUTHORIZED = 401
# RFC 6750, section 3.1: of a token that is not good, or not for this.
_TOKEN_REFUSED = frozenset({401, 403})
# Not an answer about the grant: the client was throttled, or the request never got through.
_TRY_LATER = frozenset({408, 425, 429})
_REFUSALS = range(400, 500)
# The answer to a refresh may hold the only refresh token that is still good: a slow provider is
# waited for.
REFRESH_TIMEOUT_S = 30.0
# A field of this size is no token; the header it would travel in has an end.
_JSON, _JWT = "application/json", "application/jwt"
_MAX_TOKEN_CHARACTERS = 32 * 1024


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What the token endpoint gave (RFC 6749, section 5.1).

    Attributes:
        expires_at: When the access token lapses; None where the provider does not say.
        refresh_token: None is normal: not every provider or client gets one.
        id_token: As received; present and verified after a sign-in, optional after a refresh.
        scopes: What was granted; None where it is what was asked for.
    """

    access_token: str = field(repr=False)
    expires_at: float | None = None
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


def read_tokens(document: Mapping[str, object], now: float) -> TokenAnswer:
    """The tokens in an answer of the token endpoint that came at `now`.

    Raises:
        TokenTooLargeError: a token is larger than 32 KiB.
        ProviderUnavailableError: a member is missing or of the wrong type.
    """
    access_token = _token(document, "access_token")
    kind = document.get("token_type")
    if access_token is None or not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProviderUnavailableError(f"no access token, or of type {kind!r}")
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
    # RFC 6749, appendix A.12: visible ASCII.  Anything else would not fit into a field.
    if not isinstance(value, str):
        raise ProviderUnavailableError(f"the {name} is not text")
    if len(value) > _MAX_TOKEN_CHARACTERS:
        size = f"{len(value)} bytes of at most {_MAX_TOKEN_CHARACTERS}"
        raise TokenTooLargeError(f"the {name} has {size}: have the provider put less into it")
    if not all("\x20" < character < "\x7f" for character in value):
        raise ProviderUnavailableError(f"the {name} holds what no token may")
    return value


def _expiry(value: object, now: float) -> float | None:
    # Some providers quote the number.
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    seconds = finite(value)
    return None if seconds is None else now + max(0.0, seconds)


# Verifies a JWT of the provider and gives its claims.
ReadSigned = Callable[[str], Awaitable[Mapping[str, object]]]


class ProviderClient:
    """Asks the token, userinfo and revocation endpoints in the name of one registration."""

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
            refused = _error_code(answer) == "invalid_client" or answer.status == _UNAUTHORIZED
            raise (ClientRefusedError if refused else CodeRefusedError)(_described(answer))
        return self._read(answer)

    async def refresh(self, metadata: Metadata, refresh_token: str) -> TokenAnswer:
        """Tokens for `refresh_token` (RFC 6749, section 6); no new refresh token is normal.

        Raises:
            RefreshRefusedError: the grant is over (``invalid_grant``).
            ProviderUnavailableError: anything else; the grant may still be good.
        """
        answer = await self._ask_tokens(
            metadata,
            [("grant_type", "refresh_token"), ("refresh_token", refresh_token)],
            timeout_s=REFRESH_TIMEOUT_S,
        )
        if _is_refusal(answer) and _error_code(answer) == "invalid_grant":
            raise RefreshRefusedError(_described(answer))
        return self._read(answer)

    async def revoke(self, metadata: Metadata, token: str, kind: str) -> None:
        """Have `token` revoked (RFC 7009); nothing happens where the provider cannot.

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

        `read_signed` gives the claims of an answer that is a JWT.

        Raises:
            SubjectMismatchError: they are about somebody else (section 5.3.2).
            UserinfoRefusedError: the token is not for userinfo.
            ProviderUnavailableError: there are none that could be read.
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
            raise SubjectMismatchError(f"userinfo speaks of {claims.get('sub')!r}")
        return claims

    async def _ask_tokens(
        self,
        metadata: Metadata,
        parameters: list[tuple[str, str]],
        timeout_s: float | None = None,
    ) -> Answer:
        # RFC 8707, section 2.2: the resource is named again with every token request.
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
        form = urlencode([*parameters, *proof.parameters]).encode()
        return await self._http.post(url, form, fields=dict(proof.fields), timeout_s=timeout_s)

    def _read(self, answer: Answer) -> TokenAnswer:
        if answer.status != _OK:
            raise ProviderUnavailableError(_described(answer))
        return read_tokens(answer.json_object(), self._clock())


def _is_refusal(answer: Answer) -> bool:
    return answer.status in _REFUSALS and answer.status not in _TRY_LATER


def _error_code(answer: Answer) -> str:
    try:
        code = answer.json_object().get("error")
    except GatewayError:
        return ""
    return code if isinstance(code, str) else ""


def _described(answer: Answer) -> str:
    return f"{answer.url}: status {answer.status}, error {_error_code(answer)[:100]!r}"
