"""Bearer: access tokens of external issuers, and how they are verified."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.algorithms import Algorithm
from gateway.settings.claims import ClaimSettings
from gateway.settings.provider_protocol import Issuer
from gateway.settings.scalars import (
    Duration,
    FileName,
    Flag,
    OneOrMany,
    SecretText,
    Section,
    Text,
    wrong,
)

# RFC 7662, section 4: the longer a response is cached, the later a revoked token stops working.
MAX_CACHE_S = 300.0


def _seconds(value: float) -> float:
    if value > MAX_CACHE_S:
        raise wrong("must be at most 5m, because a revoked token stays valid that long")
    return value


class IntrospectionSettings(Section):
    """How to ask the issuer about opaque tokens (RFC 7662).

    Attributes:
        client_secret: The secret itself, even if it comes from `client_secret_file`.
        client_key: A private key, PEM or JWK, even if it comes from `client_key_file`.
        cache: Seconds.
    """

    client_id: Text = Field(description="The gateway's client id at the introspection endpoint.")
    client_secret: SecretText | None = Field(
        None, repr=False, description="Client secret; prefer client_secret_file."
    )
    client_secret_file: FileName | None = Field(None, description="File with the secret.")
    client_key: str | None = Field(
        None, repr=False, description="Private key, PEM or JWK; prefer client_key_file."
    )
    client_key_file: FileName | None = Field(
        None, description="File with the private key (private_key_jwt)."
    )
    client_auth: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] | None = (
        Field(None, description="How the client authenticates; default: from discovery.")
    )
    cache: Annotated[Duration, AfterValidator(_seconds)] = Field(
        15.0, description="How long an answer is cached, at most 5m; 0s: not at all."
    )

    signed: Flag = Field(
        False, description="Asks for signed answers (RFC 9701), and accepts no others."
    )

    @model_validator(mode="after")
    def _can_prove_itself(self) -> Self:
        has_secret, has_key = self.client_secret is not None, self.client_key is not None
        # RFC 7662, section 2.1: the endpoint must require authorization; else anyone could test
        # tokens.
        if has_secret == has_key:
            raise wrong("set either client_secret_file or client_key_file")
        if self.client_auth is not None and has_key != (self.client_auth == "private_key_jwt"):
            needed = "client_key_file" if has_secret else "client_secret_file"
            raise wrong(f"client_auth {self.client_auth} needs {needed}")
        return self


class BearerSettings(Section):
    """One issuer whose access tokens are accepted.

    Attributes:
        issuer: Exactly as written: a trailing slash matters.
    """

    issuer: Issuer = Field(description="Issuer URL, exactly as in its tokens.")
    audiences: Annotated[tuple[Text, ...], OneOrMany()] = Field(
        description="Accepted audiences (`aud`); a token needs one of them."
    )
    algorithms: Annotated[tuple[Algorithm, ...], OneOrMany()] = Field(
        ("RS256", "ES256", "ES384", "EdDSA"), description="Accepted signature algorithms."
    )
    introspection: IntrospectionSettings | None = Field(
        None, description="Asks the issuer about tokens that are not JWTs (RFC 7662)."
    )
    email_verified: Literal["require", "assume"] = Field(
        "require",
        description="require: ignores an e-mail not marked as verified; assume: accepts it.",
    )
    claims: ClaimSettings = Field(
        ClaimSettings(), description="Which claim has each part of the identity."
    )
