"""The sections ``audit``, ``log``, ``metrics`` and ``tracing``: what an operator sees."""

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.addresses import WebUrl
from gateway.settings.scalars import Count, Flag, Section, Size, Text, wrong

STREAMS = ("stderr", "stdout")
_SYSLOG = "syslog"
# RFC 5426, section 3.3.
_SYSLOG_PORT = 514


def names_file(text: str) -> bool:
    """Whether `text`, a value of ``audit.file``, is a path."""
    is_url = "://" in text or text.startswith("syslog:")
    return text not in (*STREAMS, _SYSLOG) and not is_url


def syslog_server(text: str) -> tuple[str, int] | None:
    """Host and port of the server in `text`, a value of ``audit.file``; None for this machine.

    Raises:
        ValueError: It is not a URL of a syslog server.
    """
    if text == _SYSLOG:
        return None
    url = urlsplit(text)
    host, port = url.hostname, url.port
    more = url.path.strip("/") or url.query or url.fragment or "@" in url.netloc
    if url.scheme != _SYSLOG or not host or more:
        raise ValueError(text)
    return host, port or _SYSLOG_PORT


def _target(text: str) -> str:
    if text not in STREAMS and not names_file(text):
        try:
            syslog_server(text)
        except ValueError:
            # Never the text: a URL of another kind may have a password.
            raise wrong("is not the URL of a syslog server: write syslog://host:514") from None
    return text


def _kept(count: int) -> int:
    if count < 1:
        raise wrong("must be at least 1")
    return count


class AuditSettings(Section):
    """Where decisions are written, one JSON line each, and when a file is rotated."""

    file: Annotated[Text, AfterValidator(_target)] = Field(
        "stderr", description="stderr, stdout, a file path, syslog, or syslog://host:514."
    )
    max_bytes: Size = Field(
        0, description="Rotates the file before it grows past this size; 0 is never."
    )
    keep: Annotated[Count, AfterValidator(_kept)] = Field(
        5, description="Rotated files to keep: audit.log.1 is the newest."
    )

    @model_validator(mode="after")
    def _rotates_a_file(self) -> Self:
        if self.max_bytes and not names_file(self.file):
            raise wrong(f"max_bytes is for a file, and file is {self.file}")
        return self


class LogSettings(Section):
    """The log, on standard error."""

    format: Literal["text", "json"] = Field("text", description="text, or json: an object a line.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe messages to write: debug, info, warning or error."
    )


class MetricsSettings(Section):
    """Prometheus metrics on `admin_listen`."""

    enabled: Flag = Field(True, description="Serves /metrics.")


def _collector(url: str) -> str:
    if "?" in url:
        raise wrong("must not have a query")
    return url


class TracingSettings(Section):
    """Spans for OpenTelemetry; needs the extra gatepost[otel]."""

    otlp: Annotated[WebUrl, AfterValidator(_collector)] = Field(
        description="Collector for OTLP over HTTP; `/v1/traces` is appended."
    )
