"""The store and the providers with a span for each call; imported only if `tracing` is set."""

from collections.abc import Awaitable
from typing import TypeVar
from urllib.parse import urlsplit

from gateway.oidc.http import Answer, Call, ProviderHttp
from gateway.record.audit import cut_path
from gateway.record.tracing import Tracing
from gateway.storage.measured import MeasuredStore, Timings
from gateway.storage.store import Store

T = TypeVar("T")


class TracedStore(MeasuredStore):
    """Also makes a span of every operation that a request waits for; see Store."""

    def __init__(self, store: Store, name: str, timings: Timings, tracing: Tracing) -> None:
        super().__init__(store, name, timings)
        self._tracing = tracing

    async def _timed(self, operation: str, call: Awaitable[T]) -> T:
        # Never the key: it may be the digest of a credential.
        attributes = {"db.system.name": self._name, "db.operation.name": operation}
        with self._tracing.call(f"store {operation}", attributes):
            return await super()._timed(operation, call)


class TracedHttp(ProviderHttp):
    """Makes a span of every call that a request waits for; sends no trace to providers."""

    def __init__(self, tracing: Tracing) -> None:
        super().__init__()
        self._tracing = tracing

    async def send(self, call: Call) -> Answer:
        """See ProviderHttp."""
        parts = urlsplit(call.url)
        attributes = {
            "http.request.method": call.method,
            "server.address": parts.hostname or "",
            "url.path": cut_path(parts.path),
        }
        with self._tracing.call(f"provider {call.method}", attributes) as span:
            answer = await super().send(call)
            if span is not None:
                span.set_attribute("http.response.status_code", answer.status)
            return answer
