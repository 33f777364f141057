"""Upstreams: where requests go on to, and what the app is told about who is asking."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import CoreSchema

from gateway.message.fields import fold
from gateway.message.names import may_be_kept
from gateway.settings.addresses import UpstreamUrl, parse_host, upstream_address
from gateway.settings.routes import PathText
from gateway.settings.scalars import (
    Address,
    Duration,
    FieldName,
    FileName,
    Flag,
    OneOrMany,
    Section,
    Text,
    quote,
    wrong,
)
from gateway.settings.templates import template_problem

_LONGEST_TTL_S = 600

Preset = Literal["remote-user", "x-forwarded", "x-auth-request", "none"]

# RFC 9110, section 7.6.1, and RFC 9112, section 6: these belong to one connection or frame the
# message.  Host and Cookie carry what routing and sessions were decided on.
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_RESERVED = _FRAMING | {"host", "cookie", "expect"}


def fold_name(name: str) -> str:
    """A field name as the laxest upstream compares it."""
    return re.sub(r"[^0-9a-z]", "-", name.lower())


def _check_names(names: Mapping[str, Any], reserved: frozenset[str]) -> None:
    seen: dict[str, str] = {}
    for name in names:
        folded = fold_name(name)
        if folded in reserved:
            raise wrong(f"cannot set {name}: the gateway sets it itself")
        if folded in seen:
            raise wrong(
                f"sets {quote(seen[folded])} and {quote(name)}, which apps treat as the same field"
            )
        seen[folded] = name


class TimeoutSettings(Section):
    """Seconds to wait for the app."""

    connect: Duration = Field(5.0, description="Time to connect.")
    response: Duration = Field(60.0, description="Time to the head of the response.")
    idle: Duration = Field(600.0, description="Time without a byte in either direction.")


class UpstreamTlsSettings(Section):
    """How the app's certificate is checked, and which one is shown to it."""

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


class HeaderValueSettings(Section):
    """The value of one field set on requests.

    Attributes:
        value: The template, or what the file held, which is never a template.
        file: The file the value was read from; None for a template.
    """

    value: str = Field("", description="Text, with placeholders such as {user}.")
    file: FileName | None = Field(None, description="File with the value.")

    @property
    def is_template(self) -> bool:
        """Whether the placeholders in `value` are to be filled in."""
        return self.file is None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"value": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        if not self.value.strip() and self.file is None:
            raise wrong("is empty: write text or {file: …}")
        if not all(c.isprintable() or c == "\t" for c in self.value):
            raise wrong("must not contain line breaks or control characters")
        problem = template_problem(self.value) if self.is_template else None
        if problem is not None:
            raise wrong(problem)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler(schema)
        return {"anyOf": [{"type": ["string", "number", "boolean"]}, full]}


class RequestHeaderSettings(Section):
    """Fields to set on or remove from requests."""

    set: Mapping[FieldName, HeaderValueSettings] = Field(
        {},
        description="Field names and values: text with placeholders such as {user}, or {file: …}.",
    )
    remove: Annotated[tuple[FieldName, ...], OneOrMany(empty=True)] = Field(
        (), description="Fields to remove."
    )

    @model_validator(mode="after")
    def _may_be_set(self) -> Self:
        _check_names(self.set, _RESERVED)
        _check_names(dict.fromkeys(self.remove), frozenset({"host"}) | _FRAMING)
        return self


class ResponseHeaderSettings(Section):
    """Fields to set on or remove from responses."""

    set: Mapping[FieldName, Text] = Field({}, description="Field names and literal values.")
    remove: Annotated[tuple[FieldName, ...], OneOrMany(empty=True)] = Field(
        (), description="Fields to remove."
    )

    @model_validator(mode="after")
    def _may_be_set(self) -> Self:
        _check_names(self.set, _FRAMING | {"set-cookie"})
        _check_names(dict.fromkeys(self.remove), _FRAMING)
        return self


class AssertionSettings(Section):
    """The signed statement of who is asking.

    Attributes:
        audience: The upstream's name where the file gives none; filled in by `Settings`.
        ttl: Seconds, 1 to 600.
    """

    header: FieldName = Field("Gatepost-Assertion", description="Field for the assertion.")
    audience: Text = Field("", description="Its `aud`; default: the upstream's name.")
    ttl: Duration = Field(60.0, description="How long it is valid, 1s to 10m.")

    @model_validator(mode="after")
    def _is_short_lived(self) -> Self:
        if not 1 <= self.ttl <= _LONGEST_TTL_S:
            raise wrong("ttl must be between 1s and 10m")
        _check_names({self.header: None}, _RESERVED | {"authorization"})
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(schema), {"enum": ["none", "off", False]}]}


def _template(text: str) -> str:
    problem = template_problem(text)
    if problem is not None:
        raise wrong(problem)
    return text


def _mapping_may_be_set(mapping: Mapping[str, str]) -> Mapping[str, str]:
    _check_names(mapping, _RESERVED)
    return mapping


def _headers_kind(value: object) -> str:
    return "|mapping" if isinstance(value, Mapping) else "|preset"


def _off(value: object) -> object:
    return None if value in ("none", "off", "false", False) else value


IdentityHeaders = Annotated[
    Annotated[Preset, Tag("|preset")]
    | Annotated[
        Mapping[FieldName, Annotated[Text, AfterValidator(_template)]],
        AfterValidator(_mapping_may_be_set),
        Tag("|mapping"),
    ],
    Discriminator(_headers_kind),
]


class IdentitySettings(Section):
    """How the identity is sent to the app.

    Attributes:
        headers: A preset's name, or field name -> template.
        assertion: None where it is turned off.
    """

    headers: IdentityHeaders = Field(
        "remote-user", description="A preset, or field names and templates."
    )
    assertion: Annotated[AssertionSettings | None, BeforeValidator(_off)] = Field(
        AssertionSettings(), description="The signed assertion; none turns it off."
    )


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
        url: `http://host[:port]`, `https://host[:port]` or `unix:/path`.
        host: `preserve`, `upstream`, or the literal Host to send.
        path_case: Whether the app tells the case of letters in a path apart.
        wake_timeout: Seconds during which a refused connect is tried again.
    """

    url: UpstreamUrl = Field(description="http://…, https://… or unix:/path.")
    host: Annotated[Text, AfterValidator(_host_sent)] = Field(
        "preserve", description="The Host sent: preserve (the client's), upstream, or a name."
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
        """Whether to speak TLS, and where to connect."""
        return upstream_address(self.url)

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
