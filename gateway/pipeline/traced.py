"""The pipeline with a span for each request.

It stands around the pipeline, so that without `tracing` a request passes nothing of it.
"""

from collections.abc import Awaitable

from gateway.errors import GatewayError
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.pipeline.around import AroundPipeline
from gateway.pipeline.verdict import VERDICTS, RequestHandler, Serve, Verdict
from gateway.record.audit import Entry
from gateway.record.tracing import Tracing, enter, leave


class TracedPipeline(AroundPipeline):
    """See RequestHandler."""

    def __init__(self, pipeline: RequestHandler, tracing: Tracing) -> None:
        super().__init__(pipeline)
        self._tracing = tracing

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """See RequestHandler."""
        entry = self._pipeline.read(head, peer, now)
        entry.trace = self._tracing.begin(entry.request, trusted=entry.trusted)
        return entry

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """See RequestHandler."""
        token = enter(entry.trace)
        try:
            verdict = self._pipeline.begin(entry)
        finally:
            leave(token)
        return verdict if isinstance(verdict, VERDICTS) else self._wait(entry, verdict)

    async def _wait(self, entry: Entry, verdict: Awaitable[Verdict]) -> Verdict:
        # Left again, because the same task may begin the connection's next request.
        token = enter(entry.trace)
        try:
            return await verdict
        finally:
            leave(token)

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """See RequestHandler."""
        entry, response = self._pipeline.refuse_early(error, peer, now, sent)
        entry.trace = self._tracing.begin(entry.request, trusted=False)
        return entry, response

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """See RequestHandler."""
        token = enter(entry.trace)
        try:
            return await self._pipeline.serve(entry, serve, body)
        finally:
            leave(token)

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """See RequestHandler."""
        self._pipeline.finish(entry, status, upstream, upstream_s)
        self._tracing.finish(entry, status, upstream)
