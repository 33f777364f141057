"""Verdicts: what the pipeline has the server do with a request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import GatewayError
from gateway.forward.outbound import Outbound
from gateway.message.request import Request
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.record.audit import Entry

Handler = Callable[[Request, bytes], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Answer:
    """The gateway answers at once."""

    response: Response


@dataclass(frozen=True, slots=True)
class Serve:
    """The gateway answers itself, once the body (of 64 KiB at most) is there."""

    handler: Handler


# An Outbound goes upstream.
Verdict = Answer | Serve | Outbound
# For `isinstance`.
VERDICTS = (Answer, Serve, Outbound)


class RequestHandler(Protocol):
    """The pipeline, as a connection sees it."""

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """The request of `head`, with the entry that records its outcome.

        Raises:
            GatewayError: The request cannot be routed.
        """

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """What to do; awaitable only if a store or provider must be asked.  Never raises."""

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """The answer to a request that failed after it was admitted."""

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """The answer to the bytes `sent`, which never became a request."""

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """The answer of one of the gateway's own endpoints.  Never raises."""

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """Record the outcome of the request; `upstream` is None if none was asked.

        `upstream_s` is how long the upstream took, in seconds.
        """
