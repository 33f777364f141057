"""Upstreams: where to forward requests, and how."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from gateway.message.fields import fold
from gateway.message.names import may_be_kept
from gateway.settings.addresses import UpstreamUrl, parse_host, upstream_address, upstream_base
from gateway.settings.headers import RequestHeaderSettings, ResponseHeaderSettings
from gateway.settings.identity import IdentitySettings
from gateway.settings.routes import PathText
from gateway.settings.scalars import (
    Address,
    Duration,
    FileName,
    Flag,
    OneOrMany,
    Section,
    Text,
    quote,
    wrong,
)


class TimeoutSettings(Section):
    """Seconds to wait for the app."""

    connect: Duration = Field(5.0, description="Time to connect.")
    response: Duration = Field(60.0, description="Time to the head of the response.")
    idle: Duration = Field(600.0, description="Time without a byte in either direction.")


class UpstreamTlsSettings(Section):
    """How to verify the app's certificate, and the client certificate to present."""

    ca_file: FileName | None = Field(None, description="Certificate authorities to trust, PEM.")
    cert_file: FileName | None = Field(None, description="The gateway's client certificate, PEM.")
    key_file: FileName | None = Field(
        None, description="Private key of the client certificate, PEM."
    )
    server_name: Text | None = Field(None, description="Name expected in the app's certificate.")
    insecure_skip_verify: Flag = Field(False, description="Accepts any certificate.")

    @model_validator(mode="after")
    def _is_a_pair(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise wrong("set cert_file and key_file together")
        return self


def _kept(text: str) -> str:
    name = text.removesuffix("*")
    if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) is None:
        raise wrong(f"{quote(text)} is not a field name or a prefix ending in *")
    if not may_be_kept(fold(name.encode())):
        raise wrong(f"{quote(text)} never comes from another proxy and cannot be kept")
    return text


def _host_sent(text: str) -> str:
    return text if text in ("preserve", "upstream") else parse_host(text)


class UpstreamSettings(Section):
    """One app behind the gateway.

    Attributes:
        url: `http://host[:port][/path]`, `https://…` or `unix:/path`.
        host: `preserve`, `upstream`, or the literal Host to send.
        path_case: Whether the app's paths are case-sensitive.
        wake_timeout: Seconds to retry a refused connection.
    """

    url: UpstreamUrl = Field(
        description="http://…, https://… or unix:/path. A path (http://backend:3000/base) is put"
        " before the request's."
    )
    host: Annotated[Text, AfterValidator(_host_sent)] = Field(
        "preserve", description="The Host sent: preserve (the client's), upstream, or a name."
    )
    redirects: Literal["rewrite", "keep"] = Field(
        "rewrite",
        description="rewrite: a redirect to the app's own address (http://backend:3000/x) leads to"
        " the public URL. keep: redirects pass as the app sends them.",
    )
    path_case: Literal["exact", "ignore"] = Field(
        "exact", description="ignore: the app treats /Admin as /admin, so its routes ignore case."
    )
    timeouts: TimeoutSettings = Field(TimeoutSettings(), description="How long to wait.")
    wake_timeout: Duration = Field(
        0.0, description="How long to keep trying to connect while a sleeping app boots."
    )
    tls: UpstreamTlsSettings = Field(UpstreamTlsSettings(), description="TLS to the app.")
    request_headers: RequestHeaderSettings = Field(
        RequestHeaderSettings(), description="Fields to set on or remove from requests."
    )
    response_headers: ResponseHeaderSettings = Field(
        ResponseHeaderSettings(), description="Fields to set on or remove from responses."
    )
    request_fields_kept: Annotated[
        tuple[Annotated[Text, AfterValidator(_kept)], ...], OneOrMany(empty=True)
    ] = Field(
        (),
        description="Fields of other proxies to forward to the app: X-Real-IP, Cf-Access-*.",
    )
    identity: IdentitySettings = Field(
        IdentitySettings(), description="How the identity is sent to the app."
    )
    cookies: Literal["isolate", "shared"] = Field(
        "isolate",
        description="isolate: cookies that the app set for one user are not sent for another.",
    )
    logout_paths: Annotated[tuple[PathText, ...], OneOrMany(empty=True)] = Field(
        (), description="Requests to these paths also end the gateway's session."
    )
    logout_then: Literal["provider", "page", "app"] = Field(
        "provider",
        description="Where a browser goes after one of logout_paths: to the provider's sign-out, to"
        " the gateway's signed-out page, or where the app sends it.",
    )

    @property
    def address(self) -> tuple[bool, Address]:
        """Whether to use TLS, and where to connect."""
        return upstream_address(self.url)

    @property
    def base(self) -> str:
        """The path of `url`, without trailing slash; ``""`` for none."""
        return upstream_base(self.url)

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.tls != UpstreamTlsSettings() and not self.url.startswith("https://"):
            raise wrong("tls needs an https url")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": "^(https?|unix):"}, handler(schema)]}
