"""Reads the JSON-RPC messages of a request, for routes whose rules are about them.

This comes after the credentials are judged: a client that has none cannot make the gateway read.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from gateway.authz.access import Access, decide
from gateway.authz.facts import Facts
from gateway.message.fields import Fields
from gateway.message.json_rpc import (
    MAX_MESSAGE_BYTES,
    MessageTooLargeError,
    UnreadableMessageError,
    check_media_type,
    read_messages,
)
from gateway.message.mcp_request import McpRequest
from gateway.message.request_head import RequestFraming
from gateway.model import Allow, Identity
from gateway.record.audit import Entry, message_members

# Gives the body of the request that the current task decides on, and keeps it to be forwarded; None
# if it is longer than that many bytes.  Whoever awaits a verdict sets it.
BODY: ContextVar[Callable[[int], Awaitable[bytes | None]]] = ContextVar("body")


def is_seen(entry: Entry) -> bool:
    """Whether the gateway has, or gets, the body of the request of `entry`."""
    request = entry.request
    return not entry.is_question and not (
        isinstance(request, McpRequest) and request.messages is None
    )


def read_without_body(entry: Entry) -> bool:
    """Whether the request of `entry` has no body to read; if so, it is then about no message.

    Raises:
        UnreadableMessageError: It has a body that no MCP server expects, or asks for a tunnel.
    """
    if isinstance(entry.request, McpRequest):
        return True
    if entry.request.method == "POST":
        return False
    if entry.framing is not None and entry.framing.length != 0:
        # An app that takes another method for POST would read a message that no rule was judged on.
        raise UnreadableMessageError(f"a {entry.request.method} with a body")
    if entry.asks_for_upgrade:
        # Some servers take MCP over WebSocket, and nobody reads what goes through a tunnel.
        raise UnreadableMessageError("an upgrade")
    entry.request = McpRequest(entry.request, ())
    return True


async def read_body(entry: Entry) -> None:
    """Read the body of the request of `entry`, which is then about its messages.

    Raises:
        UnreadableMessageError, MessageTooLargeError, HeaderMismatchError: It is refused.
    """
    request, framing = entry.request, entry.framing
    check_media_type(request.fields)
    if framing is None or framing.length > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError("by its Content-Length")
    body = await BODY.get()(MAX_MESSAGE_BYTES)
    if body is None:
        raise MessageTooLargeError("by its chunks")
    if framing.expects_continue:
        entry.framing = _expecting_nothing(framing)
    entry.request = McpRequest(request, read_messages(body, request.fields))


def judge_messages(entry: Entry, access: Access, identity: Identity) -> None:
    """Make the request of `entry` that about the message that decides.

    That is the first that is not allowed: every message of a batch must be.
    """
    whole = entry.request
    if not isinstance(whole, McpRequest) or not whole.messages:
        entry.request = McpRequest(whole, (), is_whole=False)
        return
    each = whole.each()
    entry.request = next(
        (
            one
            for one in each
            if not isinstance(decide(access, Facts(one, identity, one.received_at)), Allow)
        ),
        each[0],
    )
    message = entry.request.message
    if message is not None:
        entry.more += message_members(message.method, message.tool, len(each))


def _expecting_nothing(framing: RequestFraming) -> RequestFraming:
    """`framing` of a client that has been told to go on; the app need not tell it again."""
    return RequestFraming(
        # New ones, because heads that were made of the old ones are kept beside them.
        Fields(framing.fields.items),
        framing.host,
        framing.length,
        framing.connection,
        framing.upgrade,
        expects_continue=False,
    )
