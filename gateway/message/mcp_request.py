"""A request to an MCP server whose messages have been read before it is decided."""

from gateway.message.fields import Fields
from gateway.message.json_rpc import Message
from gateway.message.request import Request
from gateway.message.target import Target


class McpRequest(Request):
    """A request with its JSON-RPC messages.

    A class of its own, so that other requests carry nothing of it.

    Attributes:
        messages: Empty if the request has no body; None if the gateway cannot see it.
        message: The one that conditions read; None if there is none.
        is_whole: Whether it still stands for all of `messages`, so that no condition can be judged.
    """

    __slots__ = ("is_whole", "message", "messages")

    def __init__(
        self,
        request: Request,
        messages: tuple[Message, ...] | None,
        *,
        message: Message | None = None,
        is_whole: bool = True,
    ) -> None:
        super().__init__(
            method=request.method,
            target=request.target,
            fields=request.fields,
            host=request.host,
            public_url=request.public_url,
            client=request.client,
            request_id=request.request_id,
            received_at=request.received_at,
            http_1_0=request.http_1_0,
            shows_pages=request.shows_pages,
        )
        self.messages = messages
        self.message = message
        self.is_whole = is_whole

    def changed(
        self,
        *,
        method: str | None = None,
        target: Target | None = None,
        fields: Fields | None = None,
        public_url: str | None = None,
    ) -> Request:
        """See Request.changed; the messages stand to be judged anew."""
        other = super().changed(method=method, target=target, fields=fields, public_url=public_url)
        return McpRequest(other, self.messages)

    def each(self) -> "list[McpRequest]":
        """The request once for each of its messages."""
        return [
            McpRequest(self, self.messages, message=it, is_whole=False)
            for it in self.messages or ()
        ]
