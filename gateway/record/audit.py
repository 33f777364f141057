"""One JSON line for each decision: who asked for what, the decision and its reason.

A line never contains a token, code, cookie, verifier or query string.
"""

import re
from datetime import UTC, datetime
from typing import Final

import orjson

from gateway.bounded import remember
from gateway.errors import GatewayError
from gateway.message.request import Request
from gateway.message.request_head import RequestFraming
from gateway.message.response import Response
from gateway.model import ANONYMOUS, Identity

# JSON need not escape these, but readers take them for line ends, or terminals for commands.
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
# Many servers do not count what follows these as part of the path.
_CUT = re.compile("[;?#]")
# Limits, so that clients who invent paths cannot fill the memory.
_REMEMBERED, _REMEMBERED_CHARS = 4096, 256
_REFUSED, _FAILED = 400, 500
# The longest method and tool that are recorded whole.
_NAME_CHARS: Final = 128
# Ends what is not recorded whole.
CUT: Final = "…"


class Entry:
    """What is known about one request so far; each stage fills in its part.

    Attributes:
        framing: From the request's fields; None if the bytes never became a request.
        peer: Address of the other end of the connection.
        trusted: Whether `peer` is a trusted proxy.
        route: Name of the route; None if none matched.
        decision: ``allow``, ``deny``, ``sign_in``, ``step_up`` or ``error``.
        began_at: Monotonic seconds when the head was complete.
        recorded: Whether the line has been written.
        trace: The spans of the request; None without tracing.
        is_head: Whether the client sent HEAD, so that the response has no content.  `request` does
            not tell if `is_question`: then it is the original request.
        is_question: Whether a proxy asks about `request`, and will forward it itself.
        rejected: How the request's credential was bad, if it was.
        more: Further members of the line: the message that decided, and what a configuration that
            is not in effect would have decided.
    """

    __slots__ = (
        "began_at",
        "decision",
        "framing",
        "identity",
        "is_head",
        "is_question",
        "more",
        "peer",
        "reason",
        "recorded",
        "rejected",
        "request",
        "route",
        "trace",
        "trusted",
    )

    def __init__(
        self,
        request: Request,
        framing: RequestFraming | None,
        *,
        peer: str,
        trusted: bool,
        began_at: float,
    ) -> None:
        self.request = request
        self.framing = framing
        self.peer = peer
        self.trusted = trusted
        self.began_at = began_at
        self.route: str | None = None
        self.identity: Identity = ANONYMOUS
        self.decision = "error"
        self.reason = "internal-error"
        self.recorded = False
        self.is_head = request.method == "HEAD"
        self.is_question = False
        self.trace: object = None
        self.rejected: object = None
        self.more = ""

    @property
    def session_id(self) -> str | None:
        """The id of the session that proved the identity, or None."""
        return self.identity.session_id

    @property
    def expires_at(self) -> int | None:
        """When the proof of the identity expires."""
        return self.identity.expires_at

    @property
    def asks_for_upgrade(self) -> bool:
        """Whether the request asks for another protocol, such as WebSocket."""
        return self.framing is not None and bool(self.framing.upgrade)

    def decide(self, decision: str, reason: str) -> None:
        """Set the decision and its reason."""
        self.decision = decision
        self.reason = reason

    def note_answer(self, response: Response) -> None:
        """Record what an endpoint answered, and whom it found."""
        if response.identity is not None:
            self.identity = response.identity
        if response.status >= _REFUSED:
            self.decision = "error" if response.status >= _FAILED else "deny"
            self.reason = response.reason or self.reason

    def note(self, error: GatewayError) -> None:
        """Record that the request failed with `error`."""
        self.decision = "error"
        self.reason = error.reason


class Words:
    """The parts of a line that requests have in common which were answered alike, as JSON.

    Attributes:
        before_path: From the end of the request id to the path.
        after_path: From there to the identity.
        before_duration: From the client's address to the duration.
    """

    __slots__ = ("after_path", "before_duration", "before_path")

    def __init__(
        self, route: str | None, method: str, status: int, decision: str, reason: str
    ) -> None:
        self.before_path = f'","route":{_json(route)},"method":{_json(method)},"path":'
        self.after_path = f',"decision":{_json(decision)},"reason":{_json(reason)}'
        self.before_duration = f',"status":{status},"duration_ms":'


class Lines:
    """Formats the lines.

    Only the times and the request id are new in each line.  The rest is encoded as JSON once and
    reused for all requests with the same values.
    """

    __slots__ = ("_beginning", "_millisecond", "_second", "_second_text", "_texts", "_time", "_who")

    def __init__(self) -> None:
        self._second = -1
        self._second_text = ""
        self._millisecond = -1
        self._time = ""
        self._beginning = ""
        self._texts: dict[str, str] = {}
        self._who: dict[int, tuple[Identity, str]] = {}

    def line(self, entry: Entry, words: Words, duration_s: float) -> bytes:
        """The line for `entry`, newline included; `words` are those of its outcome."""
        request = entry.request
        path = request.target.path
        microseconds = int(duration_s * 1e6 + 0.5)
        self.time(request.received_at)
        # A request id is ours or from a trusted proxy, and has nothing that JSON would escape.
        return (
            f"{self._beginning}{request.request_id}"
            f"{words.before_path}{self._texts.get(path) or self._path(path)}"
            f"{words.after_path}{self._identity(entry.identity)}{self._text(request.client)}"
            f"{words.before_duration}{microseconds // 1000}.{_THREE[microseconds % 1000]}"
            f"{entry.more}}}\n"
        ).encode()

    def time(self, at: float) -> str:
        """`at`, in seconds since the epoch: RFC 3339, in UTC with milliseconds."""
        second = int(at)
        millisecond = int((at - second) * 1000)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        elif millisecond == self._millisecond:
            return self._time
        self._millisecond = millisecond
        self._time = self._second_text + _THREE[millisecond] + "Z"
        self._beginning = '{"time":"' + self._time + '","request_id":"'
        return self._time

    def _path(self, path: str) -> str:
        return self._text(cut_path(path))

    def _text(self, text: str) -> str:
        known = self._texts.get(text)
        if known is None:
            known = _json(text)
            if len(text) <= _REMEMBERED_CHARS:
                remember(self._texts, text, known, _REMEMBERED)
        return known

    def _identity(self, identity: Identity) -> str:
        kept = self._who.get(id(identity))
        # The entry keeps the identity alive, so that its id() cannot be reused for another one.
        if kept is not None and kept[0] is identity:
            return kept[1]
        user, credential = _json(identity.user or None), _json(identity.credential)
        session = _json(identity.session_id)
        text = f',"user":{user},"credential":{credential},"session":{session},"ip":'
        remember(self._who, id(identity), (identity, text), _REMEMBERED)
        return text


# Three digits for each thousandth: a format in an f-string would slow all of it down under mypyc.
_THREE: Final[list[str]] = [f"{number:03}" for number in range(1000)]


def cut_path(path: str) -> str:
    """`path` up to what may hold a session id or code: ``;jsessionid=``, ``%3Fcode=``."""
    return path if _CUT.search(path) is None else _CUT.split(path, maxsplit=1)[0] + CUT


def message_members(method: str, tool: str | None, count: int) -> str:
    """The members for the message that decided, of `count` in the request."""
    members = f',"mcp_method":{_json(_cut(method))},"mcp_tool":{_json(_cut(tool))}'
    return members if count == 1 else f'{members},"mcp_messages":{count}'


def _cut(name: str | None) -> str | None:
    if name is None or len(name) <= _NAME_CHARS:
        return name
    return name[: _NAME_CHARS - 1] + CUT


def _escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _json(value: str | None) -> str:
    if value is None:
        return "null"
    try:
        text = orjson.dumps(value).decode()
    except TypeError:  # A lone surrogate, as in a name from a provider.
        text = orjson.dumps(value.encode("utf-8", "replace").decode()).decode()
    return escaped(text)


def escaped(text: str) -> str:
    """`text`, which is JSON, without characters that readers of lines stumble over."""
    return text if text.isascii() and text.isprintable() else _BREAKS.sub(_escape, text)
