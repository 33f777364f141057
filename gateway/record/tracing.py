"""Spans for OpenTelemetry; imported only if `tracing` is set, because the libraries are an extra.

One span for each request, and inside it one for the request to the app and for each call to the
store or a provider.  A span names routes, reasons and hosts; it has no user, address, field, query
or body.  Batches are exported by a thread of the SDK, whose queue is bounded.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from gateway.message.forwarded import traceparent_of
from gateway.message.request import Request
from gateway.record.audit import Entry, cut_path
from gateway.record.metrics import METHODS

_REFUSED, _FAILED = 400, 500
_EXPORT_S = 5.0
# A client chooses the path.
_MOST_CHARS = 1024


class Trace:
    """The spans of one request.

    Attributes:
        server: The request as the client sent it.
        upstream: The request to the app; None before it is sent.
    """

    __slots__ = ("server", "upstream")

    def __init__(self, server: Span) -> None:
        self.server = server
        self.upstream: Span | None = None


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


class Tracing:
    """Makes spans and exports them to a collector, over OTLP with protobuf."""

    def __init__(self, otlp: str, version: str) -> None:
        """Export to the collector with the base URL `otlp`, from now on."""
        endpoint = f"{otlp.rstrip('/').removesuffix('/v1/traces')}/v1/traces"
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "gatepost", "service.version": version}),
            span_limits=SpanLimits(max_attribute_length=_MOST_CHARS),
            # `close` bounds the time; the SDK's own handler would wait half a minute.
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint, timeout=_EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("gatepost", version)

    def begin(self, request: Request, *, trusted: bool) -> Trace:
        """Begin the span of `request`, under that of a `trusted` proxy."""
        given = traceparent_of(request.fields) if trusted else None
        method = _method(request)
        attributes = {
            "http.request.method": method,
            "url.scheme": request.public_url.partition(":")[0],
            "gatepost.request_id": request.request_id,
        }
        span = self._tracer.start_span(
            method,
            context=set_span_in_context(_remote(given) if given else NonRecordingSpan(_NO_PARENT)),
            kind=SpanKind.SERVER,
            attributes=attributes,
            start_time=int(request.received_at * 1e9),
        )
        return Trace(span)

    def finish(self, entry: Entry, status: int, upstream: str | None) -> None:
        """End the spans of `entry`, if they have not ended, with what was decided."""
        trace, entry.trace = entry.trace, None
        if not isinstance(trace, Trace):
            return
        # A refusal of 4xx is the client's error.  With a lower status, an answer was cut off.
        is_error = status >= _FAILED or (entry.decision == "error" and status < _REFUSED)
        if trace.upstream is not None:
            self._finish_upstream(trace.upstream, entry, status, upstream)
        span = trace.server
        if span.is_recording():
            if entry.route is not None:
                # Method and route are bounded; a path in the name would make a name for each.
                span.update_name(f"{_method(entry.request)} {entry.route}")
                span.set_attribute("gatepost.route", entry.route)
            span.set_attributes(
                {
                    "url.path": _sendable(cut_path(entry.request.target.path)),
                    "http.response.status_code": status,
                    "gatepost.decision": entry.decision,
                    "gatepost.reason": entry.reason,
                }
            )
            if is_error:
                span.set_status(StatusCode.ERROR, entry.reason)
        span.end()

    def _finish_upstream(self, span: Span, entry: Entry, status: int, upstream: str | None) -> None:
        if upstream is not None:
            span.set_attribute("gatepost.upstream", upstream)
        if entry.decision == "error":
            span.set_attribute("error.type", entry.reason)
            span.set_status(StatusCode.ERROR, entry.reason)
        elif upstream is not None:
            span.set_attribute("http.response.status_code", status)
        span.end()

    def parents(self, otherwise: Callable[[str | None], str]) -> Callable[[str | None], str]:
        """As `traceparents`: begins the span of the request to the app and names it.

        `otherwise` is for requests without spans.
        """

        def parent(given: str | None) -> str:
            trace = _current.get()
            if trace is None:
                return otherwise(given)
            trace.upstream = span = self._tracer.start_span(
                "upstream", context=set_span_in_context(trace.server), kind=SpanKind.CLIENT
            )
            context = span.get_span_context()
            flags = context.trace_flags & TraceFlags.SAMPLED
            return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"

        return parent

    @contextmanager
    def call(self, name: str, attributes: Mapping[str, str]) -> Iterator[Span | None]:
        """The span of a call that the current request waits for; None if there is no request."""
        trace = _current.get()
        # A task that a request began may outlive it.
        if trace is None or not trace.server.is_recording():
            yield None
            return
        span = self._tracer.start_span(
            name,
            context=set_span_in_context(trace.server),
            kind=SpanKind.CLIENT,
            attributes=dict(attributes),
        )
        try:
            yield span
        except BaseException as error:
            # Only the kind: a message may quote what was sent.
            span.set_status(StatusCode.ERROR, type(error).__name__)
            raise
        finally:
            span.end()

    def close(self) -> threading.Thread:
        """Begin to export what is left; the thread to wait for, which the process need not."""
        thread = threading.Thread(target=self._provider.shutdown, name="tracing", daemon=True)
        thread.start()
        return thread


def enter(trace: object) -> Token[Trace | None]:
    """Make `trace` that of the calls that follow, until `leave`."""
    return _current.set(trace if isinstance(trace, Trace) else None)


def leave(token: Token[Trace | None]) -> None:
    """Undo `enter`."""
    _current.reset(token)


def _method(request: Request) -> str:
    # Clients can invent any number of methods.
    return request.method if request.method in METHODS else "_OTHER"


_NO_PARENT = SpanContext(0, 0, is_remote=False)


def _remote(traceparent: str) -> Span:
    _, trace_id, span_id, flags = traceparent.split("-")
    context = SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )
    return NonRecordingSpan(context)


def _sendable(text: str) -> str:
    # One text that protobuf refuses would lose the whole batch.
    return text.encode("utf-8", "replace").decode()
