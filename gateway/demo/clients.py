"""The provider's clients, and their authentication at the token endpoint."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus


class OAuthError(Exception):
    """An error with a code from RFC 6749 or OIDC Core; `str()` is the description.

    Attributes:
        code: The value of ``error``.
        status: The HTTP status, unless the error is sent by a redirect.
    """

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client, in the terms of RFC 7591 and the OIDC logout specifications.

    Attributes:
        client_secret: None for a public client.
        id_token_signed_response_alg: ``RS256`` or ``ES256``.
        claims_in_id_token: Whether the ID token has the same claims as userinfo.
        opaque_access_tokens: Whether access tokens are opaque instead of RFC 9068 JWTs.
        backchannel_logout_uri: Where to send logout tokens; ``""`` to send none.
    """

    client_id: str
    redirect_uris: tuple[str, ...]
    client_secret: str | None = None
    post_logout_redirect_uris: tuple[str, ...] = ()
    id_token_signed_response_alg: str = "RS256"  # noqa: S105 - an algorithm's name
    claims_in_id_token: bool = True
    opaque_access_tokens: bool = False
    backchannel_logout_uri: str = ""

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object]) -> "Client":
        """A client from decoded JSON.

        Raises:
            TypeError: A member is unknown, or a required one is missing.
        """
        values = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in metadata.items()
        }
        return cls(**values)  # type: ignore[arg-type]  # JSON of a developer's own


def authenticate(
    clients: Mapping[str, Client], authorization: str | None, form: Mapping[str, str]
) -> Client:
    """Authenticate the client by `client_secret_basic`, `client_secret_post` or `none`.

    Raises:
        OAuthError: ``invalid_client``, or ``invalid_request`` if two methods are mixed.
    """
    secret: str | None
    if authorization is not None:
        client_id, secret = _basic(authorization)
        if "client_secret" in form:
            # RFC 6749, section 2.3: only one method in each request.
            raise OAuthError("invalid_request", "the client authenticated in two ways")
        if form.get("client_id", client_id) != client_id:
            raise OAuthError("invalid_request", "client_id and Authorization differ")
    else:
        client_id, secret = form.get("client_id", ""), form.get("client_secret")
    client = clients.get(client_id)
    if client is None:
        raise OAuthError("invalid_client", f"no client is called {client_id!r}", 401)
    expected = client.client_secret
    if (expected is None) != (secret is None):
        raise OAuthError("invalid_client", "wrong authentication method for this client", 401)
    if expected is not None and not hmac.compare_digest(expected.encode(), (secret or "").encode()):
        raise OAuthError("invalid_client", "the client secret is wrong", 401)
    return client


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise OAuthError("invalid_client", "Authorization is not Basic", 401)
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise OAuthError("invalid_client", "Authorization cannot be decoded", 401) from error
    client_id, _, secret = decoded.partition(":")
    # RFC 6749, section 2.3.1: form-encode both parts first, then apply Basic.
    return unquote_plus(client_id), unquote_plus(secret)
