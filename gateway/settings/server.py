"""The section ``server``: listeners, workers, TLS, and limits for clients."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from gateway.settings.addresses import HostName, Listen, NetworkText, parse_listen
from gateway.settings.scalars import (
    Count,
    Duration,
    FileName,
    OneOrMany,
    Section,
    Size,
    parse_count,
    quote,
    wrong,
)

_MOST_WORKERS = 512


def _workers(value: object) -> int | str:
    if value == "auto":
        return "auto"
    try:
        workers = parse_count(value)
    except ValueError:
        workers = 0
    if not 1 <= workers <= _MOST_WORKERS:
        raise wrong(f"{quote(str(value))} must be auto or a number from 1 to 512")
    return workers


def _tls_version(value: object) -> object:
    # YAML reads an unquoted 1.2 as a number.
    return str(value) if isinstance(value, float) else value


def _proxy_protocol(value: object) -> object:
    # YAML reads an unquoted off as false.
    return "off" if value is False else value


class ServerTlsSettings(Section):
    """The gateway's certificate and key for clients, PEM, and its TLS versions."""

    cert_file: FileName = Field(description="Certificate chain, PEM.")
    key_file: FileName = Field(description="Private key, PEM.")
    min_version: Annotated[Literal["1.2", "1.3"], BeforeValidator(_tls_version)] = Field(
        "1.2", description="Oldest accepted version of TLS: 1.2 or 1.3."
    )


class LimitSettings(Section):
    """Limits for each client; 0 is no limit."""

    head_bytes: Size = Field(
        32 * 1024, description="Maximum size of request line and fields together."
    )
    fields: Count = Field(
        500,
        description="Maximum fields of a request (else 431) and of an app's answer (else 502).",
    )
    body_bytes: Size = Field(0, description="Maximum size of a request body; 0 is no limit.")
    header_timeout: Duration = Field(10.0, description="Time for the whole head to arrive.")
    keepalive_timeout: Duration = Field(
        75.0, description="Maximum time between two requests on a connection."
    )
    connections: Count = Field(10000, description="Maximum client connections per worker.")


class ServerSettings(Section):
    """Where the gateway listens, and its limits for clients.

    Attributes:
        workers: Processes; `auto` is one for each core.
        drain_timeout: Seconds for requests in progress after SIGTERM.
    """

    listen: Annotated[tuple[Listen, ...], OneOrMany()] = Field(
        (parse_listen("0.0.0.0:8080"),),
        description="host:port, unix:/path (?mode=0660) or fd:NAME from systemd; one or a list.",
    )
    admin_listen: Listen = Field(
        parse_listen("127.0.0.1:9090"),
        description="Address for /metrics, /healthz and /readyz only.",
    )
    admin_hosts: Annotated[tuple[HostName, ...], OneOrMany(empty=True)] = Field(
        (),
        description="Names that the admin listener answers to, besides addresses and localhost.",
    )
    workers: Annotated[int | Literal["auto"], BeforeValidator(_workers)] = Field(
        1, description="Number of processes; auto is one for each core."
    )
    tls: ServerTlsSettings | None = Field(None, description="Terminates TLS in the gateway.")
    proxy_protocol: Annotated[
        Literal["off", "v2"],
        BeforeValidator(_proxy_protocol),
        WithJsonSchema({"enum": ["off", "v2", False]}),
    ] = Field(
        "off",
        description="v2: connections come from trusted_proxies and begin with a PROXY header.",
    )
    trusted_proxies: Annotated[tuple[NetworkText, ...], OneOrMany(empty=True)] = Field(
        (), description="Networks whose X-Forwarded-* and Forwarded are trusted."
    )
    limits: LimitSettings = Field(LimitSettings(), description="Limits for clients.")
    drain_timeout: Duration = Field(
        30.0, description="Time for requests in progress after SIGTERM."
    )
