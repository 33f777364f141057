"""One request as it goes to an upstream, with all that its answer needs."""

from collections.abc import Callable

from gateway.forward.response import AppCookies
from gateway.forward.upstream import Upstream
from gateway.message.fields import Field
from gateway.message.request_head import RequestFraming
from gateway.message.response import Response


class Outbound:
    """See the module.  Only `added` may grow, until the request is sent.

    Attributes:
        head: The whole head, empty line included.
        framing: The body, upgrade and expectation that the client's fields give.
        repeatable: Whether the method may be sent twice (RFC 9110, section 9.2.2).
        trailers: Those of a trailer section that may pass.
        owned: The app's cookies of this request; None if they are shared.
        added: Field lines for the response, for this client alone.
        instead: What the client gets in place of the app's answer, whatever that is.
    """

    __slots__ = (
        "added",
        "framing",
        "head",
        "instead",
        "method",
        "owned",
        "repeatable",
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
        repeatable: bool,
        trailers: Callable[[tuple[Field, ...], RequestFraming], tuple[Field, ...]],
        owned: AppCookies | None,
        added: bytes,
        instead: Response | None = None,
    ) -> None:
        self.upstream = upstream
        self.method = method
        self.head = head
        self.framing = framing
        self.repeatable = repeatable
        self.trailers = trailers
        self.owned = owned
        self.added = added
        self.instead = instead
