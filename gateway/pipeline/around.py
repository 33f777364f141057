"""Stands around the pipeline and passes everything on; what adds something derives from it."""

from collections.abc import Awaitable

from gateway.errors import GatewayError
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.pipeline.verdict import RequestHandler, Serve, Verdict
from gateway.record.audit import Entry


class AroundPipeline:
    """See RequestHandler."""

    def __init__(self, pipeline: RequestHandler) -> None:
        self._pipeline = pipeline

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """See RequestHandler."""
        return self._pipeline.read(head, peer, now)

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """See RequestHandler."""
        return self._pipeline.begin(entry)

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """See RequestHandler."""
        return self._pipeline.refuse(entry, error)

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """See RequestHandler."""
        return self._pipeline.refuse_early(error, peer, now, sent)

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """See RequestHandler."""
        return await self._pipeline.serve(entry, serve, body)

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """See RequestHandler."""
        self._pipeline.finish(entry, status, upstream, upstream_s)
