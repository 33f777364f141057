"""How the gateway reaches a provider: TLS of its own, and a proxy."""

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from gateway.settings.scalars import FileName, Section, as_text, wrong


def parse_proxy(value: object) -> str:
    """`http://host:port`, with `user:password@` before the host or not.

    Raises:
        ValueError: It is anything else; the message does not quote it, because of the password.
    """
    text = as_text(value, "a URL")
    if re.fullmatch(r"http://([^/?#@\s]+@)?[^/?#@\s]+/?", text) is None:
        raise wrong("must be http://HOST:PORT; other kinds of proxy are not supported")
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        raise wrong("has no valid host or port: write http://HOST:PORT")
    return text.removesuffix("/")


Proxy = Annotated[
    str,
    PlainValidator(parse_proxy),
    WithJsonSchema({"type": "string", "pattern": "^http://[^/?#]+/?$"}),
]


class ProviderTlsSettings(Section):
    """TLS to one provider: whom to trust, and the client certificate to present."""

    ca_file: FileName | None = Field(
        None, description="Certificate authorities to trust, PEM; default: the system's."
    )
    cert_file: FileName | None = Field(
        None, description="The gateway's client certificate, PEM (tls_client_auth)."
    )
    key_file: FileName | None = Field(
        None, description="Private key of the client certificate, PEM."
    )

    @model_validator(mode="after")
    def _is_a_pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("set cert_file and key_file together")
        return self
