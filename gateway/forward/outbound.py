"""A request ready to be sent to an upstream, with what its response needs."""

from collections.abc import Callable

from gateway.forward.public_paths import AppCookies
from gateway.forward.response import ResponseRules, is_for_shared_caches
from gateway.forward.upstream import Upstream
from gateway.message.fields import Field
from gateway.message.request_head import RequestFraming
from gateway.message.response import Response
from gateway.message.response_head import ResponseHead


class Outbound:
    """One request to an upstream.  Only `added` may grow, until the request is sent.

    Attributes:
        head: The complete head, including the empty line.
        framing: The body, upgrade and expectation that the client's fields give.
        repeatable: Whether the method may be sent twice (RFC 9110, section 9.2.2).
        trailers: Selects the trailer fields that may be passed on.
        public_url: The public URL of the host that the client asked for.
        owned: The app's cookies of this request; None if they are not separated by user.
        added: Field lines to add to the response, for this client alone.
        counted: Those that tell the client its rate; `added_to` leaves them off where others would
            get them.
        rules: What of the response the client gets.
        instead: The response for the client in place of the app's, whatever that is.
        once: Whether the request has had an effect here, so that the client must not repeat it.
    """

    __slots__ = (
        "added",
        "counted",
        "framing",
        "head",
        "instead",
        "method",
        "once",
        "owned",
        "public_url",
        "repeatable",
        "rules",
        "trailers",
        "upstream",
    )

    def __init__(
        self,
        upstream: Upstream,
        method: str,
        head: bytes,
        framing: RequestFraming,
        *,
        rules: ResponseRules,
        public_url: str,
        repeatable: bool,
        trailers: Callable[[tuple[Field, ...], RequestFraming], tuple[Field, ...]],
        owned: AppCookies | None,
        added: bytes,
        counted: bytes = b"",
        instead: Response | None = None,
        once: bool = False,
    ) -> None:
        self.upstream = upstream
        self.method = method
        self.head = head
        self.framing = framing
        self.rules = rules
        self.public_url = public_url
        self.repeatable = repeatable
        self.trailers = trailers
        self.owned = owned
        self.added = added
        self.counted = counted
        self.instead = instead
        self.once = once

    def added_to(self, head: ResponseHead) -> bytes:
        """The field lines to add to the response `head`."""
        if not self.counted or is_for_shared_caches(head):
            return self.added
        return self.counted + self.added
