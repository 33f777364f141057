"""Parses the head of an HTTP/1.1 request strictly (RFC 9112, sections 2, 3 and 6).

Refuses every head that two servers could read differently; see `field_lines` and `framing`.
"""

import re
from functools import lru_cache
from typing import Final

from gateway.bounded import remember
from gateway.errors import MalformedRequestError
from gateway.message.field_lines import CONTROL, HeadError, parse_field_lines
from gateway.message.fields import Field, Fields, fold
from gateway.message.framing import UNTIL_CLOSE, framed_length

# Upper case only: no registered method has lower case, and some apps read "post" as POST (Django,
# Werkzeug), which would evade a rule for POST.
_METHOD = rb"[!#$%&'*+\-.^_`|~0-9A-Z]{1,64}"
METHOD = re.compile(_METHOD)
_REQUEST_LINE = re.compile(rb"(" + _METHOD + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
# RFC 3986, section 3.2.2, without userinfo and percent-encoding; a host on the wire is ASCII.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_METHODS = {m.encode(): m for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# A WSGI or CGI upstream reads "Content_Length" as Content-Length (see `fold`).
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host"})
# RFC 9110, section 5.3: these may appear once.  Of two, servers may choose differently.
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"authorization", b"upgrade")
# After these upgrades a second HTTP connection flows that no rule would check: h2c (RFC 7540,
# section 3.2) and TLS (RFC 2817), which CUPS accepts wherever "TLS/" is in the value.
SECOND_HTTP = re.compile(rb"h2|http|tls", re.IGNORECASE)
# Longer blocks of fields are not cached: they are unlikely to repeat.
REMEMBERED_BYTES = 4096
_REMEMBERED_LINES, _REMEMBERED_LINE_BYTES = 1024, 256
_REMEMBERED_BLOCKS, _REMEMBERED_SEEN = 512, 4096
# RFC 1035, section 2.3.4: a name has at most 255 octets.
_MAX_REMEMBERED_HOST: Final = 255
# Lines that proxies write anew for each request, as they spell them.  Without them, the fields of
# one client repeat behind a proxy too.
_CHANGING: Final = tuple(
    (b"\r\n%b: " % name, name)
    for name in (b"X-Request-ID", b"x-request-id", b"X-Original-URL", b"X-Forwarded-Uri")
)


class RequestFraming:
    """The fields of a request, and what they say of host, body and connection.  Immutable.

    Attributes:
        host: The Host field in lower case, without trailing dot and default port; ``""`` if
            absent, which only HTTP/1.0 allows.
        length: Content-Length, 0 if there is no body, or `CHUNKED`.
        connection: The tokens of Connection in lower case.
        upgrade: The protocol to upgrade to, if Connection names it and there is no body; else
            ``b""``.
        expects_continue: Whether the client waits for ``100 Continue`` before its body.
    """

    __slots__ = ("connection", "expects_continue", "fields", "host", "length", "upgrade")

    def __init__(
        self,
        fields: Fields,
        host: str,
        length: int,
        connection: frozenset[bytes],
        upgrade: bytes,
        *,
        expects_continue: bool,
    ) -> None:
        self.fields = fields
        self.host = host
        self.length = length
        self.connection = connection
        self.upgrade = upgrade
        self.expects_continue = expects_continue


class RequestHead:
    """A request line and its fields; `target` is as sent.  Immutable."""

    __slots__ = ("framing", "http_1_0", "method", "target")

    def __init__(self, method: str, target: bytes, http_1_0: bool, framing: RequestFraming) -> None:
        self.method = method
        self.target = target
        self.http_1_0 = http_1_0
        self.framing = framing


def parse_request_head(head: bytes) -> RequestHead:
    """Parse `head`, which ends with the CRLF of its last line (without the empty line).

    Raises:
        MalformedRequestError: The head is malformed, or its framing is ambiguous.
    """
    line, _, block = head.partition(b"\r\n")
    method, target, http_1_0 = parse_request_line(line)
    try:
        read = _read_fields if len(block) > REMEMBERED_BYTES else _remembered_fields
        framing = read(block, http_1_0)
    except HeadError as error:
        raise MalformedRequestError(str(error)) from error
    return RequestHead(method, target, http_1_0, framing)


def parse_request_line(line: bytes) -> tuple[str, bytes, bool]:
    """The method, the target as sent, and whether the version is HTTP/1.0.

    Raises:
        MalformedRequestError: `line` is not a request line.
    """
    known = _KNOWN_LINES.get(line)
    if known is None:
        known = _read_request_line(line)
        if len(line) <= _REMEMBERED_LINE_BYTES:
            remember(_KNOWN_LINES, line, known, _REMEMBERED_LINES)
    return known


_KNOWN_LINES: Final[dict[bytes, tuple[str, bytes, bool]]] = {}


def _read_request_line(line: bytes) -> tuple[str, bytes, bool]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise MalformedRequestError("not a request line: " + _line_fault(line))
    method, target, minor = match.groups()
    return _METHODS.get(method) or method.decode(), target, minor == b"0"


# Every possible beginning of a request line, or of an empty line before it (RFC 9112, section 2.2).
_BEGINNING = re.compile(rb"\r|" + _METHOD + rb"(?: .*)?", re.DOTALL)
# First bytes of other protocols that reach a plain port, and what to do: RFC 8446, section 5.1;
# RFC 9113, section 3.4; and both versions of HAProxy's PROXY protocol, of which the second begins
# with an empty line.
_OTHER_PROTOCOLS = (
    (b"\x16", "a TLS handshake on a port without TLS: use http://, or set server.tls"),
    (b"PRI * HTTP/2", "HTTP/2, which is not supported here: make the client or proxy use HTTP/1.1"),
    (
        b"PROXY ",
        "the PROXY protocol in words: turn it off in the proxy, or see server.proxy_protocol",
    ),
    (b"\r\n\0\r\nQUIT", "the PROXY protocol, once more or without server.proxy_protocol: v2"),
)


def refuse_other_protocols(sent: bytes) -> None:
    """Refuse the first bytes of a head if no request can begin with them.

    Raises:
        MalformedRequestError: They do not begin a request; names the protocol if it is known.
    """
    if sent and _BEGINNING.fullmatch(sent) is None:
        raise MalformedRequestError("not a request line: " + _line_fault(sent))


def glimpse(sent: bytes) -> tuple[str, Fields]:
    """The method and the Accept and Sec-Fetch-* fields of a head that is refused.

    The method is ``""`` if it is not a common one.  Parsed leniently, only to choose between a page
    and JSON for the refusal: use it for nothing else.
    """
    lines = sent[:_GLIMPSED_BYTES].partition(b"\r\n\r\n")[0].split(b"\r\n")
    pairs = [line.partition(b":") for line in lines[1:]]
    fields = [
        (name, value.strip(b" \t"))
        for name, _, value in pairs
        if name.lower() == b"accept" or name.lower().startswith(b"sec-fetch-")
    ]
    return _METHODS.get(lines[0].partition(b" ")[0], ""), Fields(fields)


_GLIMPSED_BYTES = 65536


def _line_fault(line: bytes) -> str:
    """What is wrong with a request line, without quoting it: it may contain a credential."""
    for start, what in _OTHER_PROTOCOLS:
        if line.startswith(start):
            return what
    parts = line.split(b" ")
    if METHOD.fullmatch(parts[0]) is None:
        return "no valid method"
    if len(parts) != 3:  # noqa: PLR2004 - RFC 9112, section 3
        return f"{len(parts)} parts between spaces, not 3"
    if parts[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        return "neither HTTP/1.0 nor HTTP/1.1"
    return "a control character in the target" if parts[1] else "no target"


def _read_fields(block: bytes, http_1_0: bool) -> RequestFraming:
    fields = Fields(parse_field_lines(block))
    for name, _ in fields.items:
        # The name as sent must equal the folded name, or an upstream that folds frames differently.
        folded = fold(name)
        if folded in _FRAMING and folded != name.lower():
            raise HeadError(f"{folded.decode()} is misspelled")
    values = {name: fields.all(name) for name in _ONCE}
    for name, found in values.items():
        if len(found) > 1:
            raise HeadError(f"more than one {name.decode()} field")
    connection = fields.tokens(b"connection")
    length = framed_length(values, http_1_0=http_1_0)
    return RequestFraming(
        fields=fields,
        host=_host(values[b"host"], http_1_0),
        length=0 if length == UNTIL_CLOSE else length,
        connection=connection,
        upgrade=_upgrade(fields, length, http_1_0=http_1_0),
        expects_continue=_expects_continue(fields, http_1_0),
    )


def _upgrade(fields: Fields, length: int, *, http_1_0: bool) -> bytes:
    """The protocol to ask the upstream for, ``b""`` if none."""
    protocols = fields.tokens(b"upgrade")
    # RFC 9110, section 7.8: ignored in HTTP/1.0, and if Connection does not name it.
    if http_1_0 or not protocols or b"upgrade" not in fields.tokens(b"connection"):
        return b""
    # Some servers end the head at Upgrade and read the body as the next request (uvicorn with
    # httptools; aiohttp, GHSA-mfx4-hv73-q22v).
    if length not in (0, UNTIL_CLOSE):
        return b""
    value = fields.all(b"upgrade")[0]
    return b"" if SECOND_HTTP.search(value) else value


def _remembered_fields(block: bytes, http_1_0: bool) -> RequestFraming:
    """As `_read_fields`, with a cache for clients that repeat their fields but for `_CHANGING`."""
    steady, changing = _cut_changing(block)
    known = _remembered_block(steady, http_1_0)
    if not changing:
        return known
    # Nothing else in the head follows from them.
    return RequestFraming(
        known.fields.adding(changing),
        known.host,
        known.length,
        known.connection,
        known.upgrade,
        expects_continue=known.expects_continue,
    )


def _cut_changing(block: bytes) -> tuple[bytes, list[tuple[int, Field]]]:
    """`block` without the lines of `_CHANGING`, and these, as `Fields.adding` takes them.

    The first line of `block` is never cut out.
    """
    cut: list[tuple[int, Field]] = []
    for start, name in _CHANGING:
        before = block.find(start)
        if before >= 0:
            at = before + 2
            end = block.find(b"\r\n", at)
            value = block[before + len(start) : end].strip(b" \t")
            if CONTROL.search(value) is not None:
                raise HeadError("a control character in a field of a proxy")
            cut.append((block.count(b"\n", 0, at), (name, value)))
            block = block[:at] + block[end + 2 :]
    return block, cut


def _remembered_block(block: bytes, http_1_0: bool) -> RequestFraming:
    key = block, http_1_0
    known = _KNOWN_FIELDS.get(key)
    if known is None:
        known = _read_fields(block, http_1_0)
        # Cached only from the second time on, so that a flood of fields that never repeat cannot
        # push out those that do.
        seen = hash(key)
        if seen not in _SEEN_ONCE:
            remember(_SEEN_ONCE, seen, None, _REMEMBERED_SEEN)
        else:
            remember(_KNOWN_FIELDS, key, known, _REMEMBERED_BLOCKS)
    return known


_KNOWN_FIELDS: Final[dict[tuple[bytes, bool], RequestFraming]] = {}
_SEEN_ONCE: Final[dict[int, None]] = {}


def _expects_continue(fields: Fields, http_1_0: bool) -> bool:
    expect = fields.all(b"expect")
    if not expect:
        return False
    if [value.lower() for value in expect] != [b"100-continue"]:
        raise HeadError("Expect is not 100-continue")
    # RFC 9110, section 10.1.1: ignored in HTTP/1.0.
    return not http_1_0


def _host(values: list[bytes], http_1_0: bool) -> str:
    if not values:
        if http_1_0:
            return ""
        raise HeadError("no Host field")
    host = canonical_host(values[0])
    if host is None:
        raise HeadError("Host is not a valid host")
    return host


def canonical_host(value: bytes) -> str | None:
    """`value` in lower case without trailing dot and default port; None if not a valid host."""
    return _known_host(value) if len(value) <= _MAX_REMEMBERED_HOST else _read_host(value)


@lru_cache(maxsize=1024)
def _known_host(value: bytes) -> str | None:
    return _read_host(value)


def _read_host(value: bytes) -> str | None:
    if _HOST.fullmatch(value) is None:
        return None
    host = value.decode().lower()
    name, port = host, ""
    if not host.endswith("]"):
        name, _, port = host.rpartition(":") if ":" in host else (host, "", "")
    name = name.removesuffix(".")
    if not name:
        return None
    return name if port in {"", "80", "443"} else f"{name}:{int(port)}"
