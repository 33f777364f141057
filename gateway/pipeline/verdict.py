"""Verdicts: what the server must do with a request, as the pipeline decides."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.errors import GatewayError
from gateway.forward.outbound import Outbound
from gateway.message.request import Request
from gateway.message.request_head import RequestHead
from gateway.message.response import Response
from gateway.record.audit import Entry

Handler = Callable[[Request, bytes], Awaitable[Response]]


@dataclass(slots=True, init=False, unsafe_hash=True)
class Answer:
    """The gateway answers at once.  Never modified."""

    response: Response

    def __init__(self, response: Response) -> None:
        self.response = response


@dataclass(frozen=True, slots=True)
class Serve:
    """One of the gateway's endpoints answers, once the body (64 KiB at most) has arrived."""

    handler: Handler


# An Outbound is sent upstream.
Verdict = Answer | Serve | Outbound
# For `isinstance`.
VERDICTS: Final = (Answer, Serve, Outbound)


class RequestHandler(Protocol):
    """The pipeline, as a connection uses it."""

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """The request of `head`, in the entry that records its outcome.

        Raises:
            GatewayError: The request cannot be routed.
        """

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """Decide; awaitable only if a store or provider must be asked.  Never raises."""

    def refuse(self, entry: Entry, error: GatewayError) -> Response:
        """The response to a request that failed after it was admitted."""

    def refuse_early(
        self, error: GatewayError, peer: str, now: float, sent: bytes
    ) -> tuple[Entry, Response]:
        """The response to the bytes `sent`, which are not a request."""

    async def serve(self, entry: Entry, serve: Serve, body: bytes) -> Response:
        """The response of one of the gateway's own endpoints.  Never raises."""

    def finish(self, entry: Entry, status: int, upstream: str | None, upstream_s: float) -> None:
        """Record the outcome of the request; `upstream` is None if none was used.

        `upstream_s` is how long the upstream took, in seconds.
        """
