"""How the gateway speaks with a provider of OpenID Connect beyond the plain code flow."""

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema

from gateway.settings.addresses import parse_web_url
from gateway.settings.scalars import FileName, Flag, Section, Text, quote, wrong


def _parse_issuer(value: object) -> str:
    """Kept as written, because OIDC Core 1.0, section 3.1.3.7, requires an exact comparison."""
    text = parse_web_url(value)
    if "?" in text:
        raise wrong(f"{quote(text)} must not have a query")
    return text


Issuer = Annotated[
    str,
    PlainValidator(_parse_issuer),
    WithJsonSchema({"type": "string", "pattern": "^https?://[^?#]+$"}),
]
Endpoint = Annotated[
    str, PlainValidator(parse_web_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]


class ProviderProtocolSettings(Section):
    """See the module."""

    client_assertion_file: FileName | None = Field(
        None,
        description="File with a JWT that proves the client (RFC 7523), such as the projected token"
        " of a Kubernetes service account; read at each use, and used in place of a secret.",
    )
    client_key_id: Text | None = Field(
        None, description="Id of the key in client_key_file, which the provider gave it (kid)."
    )
    team_id: Text | None = Field(
        None, description="With profile: apple and client_key_file: the id of your team at Apple."
    )
    jwks_uri: Endpoint | None = Field(
        None, description="Publishes the provider's keys; only with type: oidc."
    )
    end_session_endpoint: Endpoint | None = Field(
        None, description="Signs users out at the provider; only with type: oidc."
    )
    groups_overage: Literal["unread", "graph"] = Field(
        "unread",
        description="Groups of a user in too many for a token (Entra ID): unread satisfies no allow"
        " and meets every deny; graph asks Microsoft Graph, or groups_endpoint.",
    )
    pushed_authorization: Flag = Field(
        False,
        description="Sends the authorization request from the gateway to the provider (PAR, RFC"
        " 9126), not through the browser; also done for a provider that requires it.",
    )


# Settings that only OpenID Connect uses.
PROTOCOL = tuple(ProviderProtocolSettings.model_fields)


def judge_assertion(settings: ProviderProtocolSettings, *, has_other: bool, method: str) -> None:
    """Check what proves the client, apart from a secret; `has_other` if there is a secret or key.

    `method` is the configured one; ``""`` for none.

    Raises:
        ValueError: It does not fit.
    """
    if settings.client_assertion_file is None:
        return
    if has_other:
        raise wrong("client_assertion_file takes the place of client_secret and client_key")
    if method not in ("", "private_key_jwt"):
        raise wrong(f"client_auth {method} does not use client_assertion_file")


def judge_key(settings: ProviderProtocolSettings, profile: str, client_key: str | None) -> None:
    """Check the settings about `client_key`.

    Raises:
        ValueError: They do not fit.
    """
    if client_key is None:
        for name in ("client_key_id", "team_id"):
            if getattr(settings, name) is not None:
                raise wrong(f"{name} needs client_key_file")
    elif profile == "apple":
        if settings.client_key_id is None or settings.team_id is None:
            raise wrong("profile apple with client_key_file needs client_key_id and team_id")
    elif settings.team_id is not None:
        raise wrong("team_id needs profile: apple")
