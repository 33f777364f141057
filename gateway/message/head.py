"""The head of an HTTP/1.1 message, read strictly (RFC 9112, sections 2 to 6).

What two servers could frame apart is refused: Content-Length with Transfer-Encoding, several
lengths, codings other than ``chunked``, bare LF, space before the colon, folded lines, controls.
Only from an upstream two things are read that have one meaning all the same, and are passed on in
strict form: a head whose every line ends in LF alone, and one length said more than once.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from gateway.errors import MalformedRequestError
from gateway.message.fields import Field, Fields, fold

CHUNKED = -1
UNTIL_CLOSE = -2

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
# No method has lower case, but some apps read "post" as POST (Django, Werkzeug), past any rule that
# is for POST.
_METHOD = rb"[!#$%&'*+\-.^_`|~0-9A-Z]{1,64}"
_REQUEST_LINE = re.compile(rb"(" + _METHOD + rb") ([\x21-\x7e\x80-\xff]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?")
# The name of each line that is a whole and well-formed field line, and no other's, where no line
# feed stands alone.  Possessive: a line either is one or is not, with no second try.
_NAME = re.compile(rb"^(" + _TOKEN + rb"++):[\t\x20-\x7e\x80-\xff]*+\r\n", re.MULTILINE)
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
# RFC 3986, section 3.2.2, less userinfo; letters beyond ASCII have no place on the wire.
_HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
# A WSGI or CGI upstream reads "Content_Length" as Content-Length (see `fold`).
_METHODS = {m.encode(): m for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"host"})
# RFC 9110, section 5.3: these may appear once; two of them are two readings.
_ONCE = (b"host", b"content-length", b"transfer-encoding", b"authorization", b"upgrade")
# What flows after these upgrades is a second HTTP that no rule has judged: h2c (RFC 7540, section
# 3.2) and TLS (RFC 2817), which CUPS takes wherever "TLS/" is in the value.
_SECOND_HTTP = re.compile(rb"h2|http|tls", re.IGNORECASE)
# Above this a block of fields is read anew each time: it is unlikely to come again.
REMEMBERED_BYTES = 4096
_REMEMBERED_LINES, _REMEMBERED_LINE_BYTES = 1024, 256
_REMEMBERED_BLOCKS, _REMEMBERED_SEEN = 512, 4096
_REMEMBERED_RESPONSES, _REMEMBERED_RESPONSE_BYTES = 512, 1024


class HeadError(ValueError):
    """The head is not well-formed; the message says how, and quotes nothing of it."""


class BareLinesError(HeadError):
    """The first line of the head ends in LF alone; see `with_strict_lines`."""


class RequestFields:
    """All that the fields of a request say about it, short of its request line.  Never changed.

    Attributes:
        host: The Host field in lower case, without trailing dot and default port; ``""`` when
            absent, which only HTTP/1.0 may be.
        length: Content-Length, 0 when there is no body, or `CHUNKED`.
        connection: Lower-cased tokens of Connection.
        upgrade: The protocol asked for, when Connection asks for it too and no body follows; else
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
    """A request line and the fields below it; `target` is as sent.  Never changed."""

    __slots__ = ("http_1_0", "method", "of", "target")

    def __init__(self, method: str, target: bytes, http_1_0: bool, of: RequestFields) -> None:
        self.method = method
        self.target = target
        self.http_1_0 = http_1_0
        self.of = of


class ResponseHead:
    """A status line and the fields below it.  Never changed.

    Attributes:
        line: The status line.
        lines: The field lines as sent, without their line ends.
        names: The field names, folded, in the same order.
        length: Content-Length, `CHUNKED`, or `UNTIL_CLOSE`, before the request's method and the
            status have their say (RFC 9112, section 6.3).
        connection: Lower-cased tokens of Connection.
        derived: What other stages worked out from this head alone, kept with it; see
            `Fields.derived`.
    """

    __slots__ = (
        "connection",
        "derived",
        "http_1_0",
        "length",
        "line",
        "lines",
        "names",
        "status",
    )

    def __init__(
        self,
        status: int,
        http_1_0: bool,
        line: bytes,
        lines: list[bytes],
        names: tuple[bytes, ...],
        length: int,
        connection: frozenset[bytes],
    ) -> None:
        self.status = status
        self.http_1_0 = http_1_0
        self.line = line
        self.lines = lines
        self.names = names
        self.length = length
        self.connection = connection
        self.derived: dict[object, bytes] = {}

    def value(self, name: bytes) -> bytes:
        """The first value of the field `name` (folded), ``b""`` when absent."""
        if name not in self.names:
            return b""
        return _value(self.lines[self.names.index(name)])


def parse_request_head(head: bytes) -> RequestHead:
    """Read `head`, which ends with the CRLF of its last line (the empty line already cut off).

    Raises:
        MalformedRequestError: The head is not well-formed, or its framing is in doubt.
    """
    line, _, block = head.partition(b"\r\n")
    method, target, http_1_0 = parse_request_line(line)
    try:
        read = _read_fields if len(block) > REMEMBERED_BYTES else _remembered_fields
        of = read(block, http_1_0)
    except HeadError as error:
        raise MalformedRequestError(str(error)) from error
    return RequestHead(method, target, http_1_0, of)


def parse_request_line(line: bytes) -> tuple[str, bytes, bool]:
    """The method, the target as sent, and whether it is of HTTP/1.0.

    Raises:
        MalformedRequestError: It is no request line.
    """
    known = _KNOWN_LINES.get(line)
    if known is None:
        known = _read_request_line(line)
        if len(line) <= _REMEMBERED_LINE_BYTES:
            if len(_KNOWN_LINES) >= _REMEMBERED_LINES:
                _KNOWN_LINES.clear()
            _KNOWN_LINES[line] = known
    return known


_KNOWN_LINES: Final[dict[bytes, tuple[str, bytes, bool]]] = {}


def _read_request_line(line: bytes) -> tuple[str, bytes, bool]:
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise MalformedRequestError("not a request line: " + _line_fault(line))
    method, target, minor = match.groups()
    return _METHODS.get(method) or method.decode(), target, minor == b"0"


# All that may come to be a request line, or the empty line before one (RFC 9112, section 2.2).
_BEGINNING = re.compile(rb"\r|" + _METHOD + rb"(?: .*)?", re.DOTALL)
# What people speak to a plain port, by its first bytes, and what to do about it: RFC 8446,
# section 5.1; RFC 9113, section 3.4; and the two versions of HAProxy's PROXY protocol, of which the
# second begins with an empty line.
_OTHER_PROTOCOLS = (
    (b"\x16", "a TLS handshake on a port without TLS: use http://, or set server.tls"),
    (b"PRI * HTTP/2", "HTTP/2, which is not spoken here: have the client or proxy use HTTP/1.1"),
    (b"PROXY ", "the PROXY protocol, which is not read here: turn it off in the proxy"),
    (b"\r\n\0\r\nQUIT", "the PROXY protocol, which is not read here: turn it off in the proxy"),
)


def refuse_other_protocols(sent: bytes) -> None:
    """Refuse `sent`, which is to become a request's head, if no method begins so.

    Raises:
        MalformedRequestError: It says which protocol it is, where that is known.
    """
    if sent and _BEGINNING.fullmatch(sent) is None:
        raise MalformedRequestError("not a request line: " + _line_fault(sent))


def glimpse(sent: bytes) -> tuple[str, Fields]:
    """What a head that is refused says of the answer its sender can read, as far as it came.

    The method, ``""`` for one that few clients send, and the fields Accept and Sec-Fetch-*.  Read
    loosely: good for the form of a refusal, and for nothing else.
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


# What is wrong is told without what was sent: it may be a credential, and it goes to the log.


def _line_fault(line: bytes) -> str:
    for start, what in _OTHER_PROTOCOLS:
        if line.startswith(start):
            return what
    parts = line.split(b" ")
    if re.fullmatch(_METHOD, parts[0]) is None:
        return "no method"
    if len(parts) != 3:  # noqa: PLR2004 - RFC 9112, section 3
        return f"{len(parts)} parts between spaces, not 3"
    if parts[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        return "neither HTTP/1.0 nor HTTP/1.1"
    return "a control character in the target" if parts[1] else "no target"


def parse_response_head(head: bytes) -> ResponseHead:
    """Read the head of an upstream's response (the empty line already cut off).

    Raises:
        BareLinesError: Its first line ends in LF alone, so that it may end elsewhere.
        HeadError: The head is not well-formed, or its framing is in doubt.
    """
    known = _KNOWN_RESPONSES.get(head)
    if known is None:
        known = _read_response_head(head)
        # What sets a cookie is for one browser, and does not come again.
        if len(head) <= _REMEMBERED_RESPONSE_BYTES and b"set-cookie" not in known.names:
            if len(_KNOWN_RESPONSES) >= _REMEMBERED_RESPONSES:
                _KNOWN_RESPONSES.clear()
            _KNOWN_RESPONSES[head] = known
    return known


# Within a second, which Date tells apart, an app mostly gives the same few heads.  Reading is pure.
_KNOWN_RESPONSES: Final[dict[bytes, ResponseHead]] = {}


def _read_response_head(head: bytes) -> ResponseHead:
    line, _, block = head.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        if b"\n" in line:
            raise BareLinesError("the status line: a line feed without a carriage return")
        raise HeadError("not a status line: " + _status_fault(line))
    minor, status = match.groups()
    names, lines = _split_fields(block)
    # An app's answers have the same few lists of names, however their values differ.
    shape = _shape(tuple(names))
    http_1_0 = minor == b"0"
    folded = shape.names
    connection = _NO_TOKENS
    for index in shape.connection_at:
        connection |= _tokens(_value(lines[index]))
    if shape.length_at >= 0 and _LENGTH.fullmatch(value := _value(lines[shape.length_at])):
        length = int(value)
    elif shape.framing:
        values = {name: [_value(lines[i]) for i in at] for name, at in shape.framing.items()}
        if b"content-length" in values:
            values[b"content-length"] = one = [_one_length(values[b"content-length"])]
            folded, lines = _with_one_length(folded, lines, one[0])
        length = _length(values, http_1_0=http_1_0)
    else:
        length = UNTIL_CLOSE
    return ResponseHead(int(status), http_1_0, line, lines, folded, length, connection)


def _one_length(values: list[bytes]) -> bytes:
    """The one length that `values` say, however often.

    RFC 9112, section 6.3, and RFC 9110, section 8.6: fields and lists that repeat one decimal value
    may be read as that value, and go on as it alone.
    """
    said = {part.strip(b" \t") for value in values for part in value.split(b",")}
    if len(said) > 1:
        raise HeadError("Content-Length says more than one length")
    return said.pop()


def _with_one_length(
    names: tuple[bytes, ...], lines: list[bytes], value: bytes
) -> tuple[tuple[bytes, ...], list[bytes]]:
    kept = [i for i, name in enumerate(names) if name != b"content-length"]
    line = b"Content-Length: " + value
    return (*[names[i] for i in kept], b"content-length"), [*[lines[i] for i in kept], line]


def ends_lines_bare(data: bytes) -> bool:
    """Whether the first line of `data` ends in LF alone."""
    at = data.find(b"\n")
    return at >= 0 and data[at - 1 : at] != b"\r"


def with_strict_lines(data: bytes, max_bytes: int) -> bytes:
    """`data`, a response whose first line ends in LF alone, with a head in strict form.

    RFC 9112, section 2.2: a recipient may take a single LF for a line end.  Only where all lines of
    the head end so: where others end in CRLF, a line feed may have come in with a value, and what
    follows it would be for a stranger to say.  For the same reason the head gets ``Connection:
    close``: no other answer is read from that connection.  ``b""`` while the head is not complete.

    Raises:
        HeadError: A line ends otherwise, or the head is longer than `max_bytes`.
    """
    end = data.find(b"\n\n", 0, max_bytes + 2)
    head = data if end < 0 else data[:end]
    if b"\r" in head:
        for number, line in enumerate(head.split(b"\n")):
            if b"\r" in line:
                where = _which(number, line) if number else "the status line"
                raise HeadError(f"{where}: a carriage return, where lines end in LF alone")
    if end < 0:
        if len(data) > max_bytes:
            raise HeadError("no end of the response's head")
        return b""
    return head.replace(b"\n", b"\r\n") + b"\r\nConnection: close\r\n\r\n" + data[end + 2 :]


def _status_fault(line: bytes) -> str:
    version, _, rest = line.partition(b" ")
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        return "neither HTTP/1.0 nor HTTP/1.1"
    if re.fullmatch(rb"[1-9][0-9]{2}(?: .*)?", rest, re.DOTALL) is None:
        return "no status of three digits"
    return "a control character in the reason"


_RESPONSE_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})
_NO_TOKENS: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a list of field names tells: the names folded, and where those are that frame.

    Attributes:
        length_at: Where the one Content-Length is, if that alone frames the body; else -1.
    """

    names: tuple[bytes, ...]
    framing: dict[bytes, list[int]]
    length_at: int
    connection_at: tuple[int, ...]


@lru_cache(maxsize=1024)
def _shape(names: tuple[bytes, ...]) -> _Shape:
    folded = tuple(map(fold, names))
    framing: dict[bytes, list[int]] = {}
    for index, name in enumerate(folded):
        if name in _RESPONSE_FRAMING:
            # The client, who folds nothing but case, would frame it apart.
            if name != names[index].lower():
                raise HeadError(f"{name.decode()} in another spelling")
            framing.setdefault(name, []).append(index)
    connection_at = tuple(framing.pop(b"connection", ()))
    lengths = framing.get(b"content-length", [])
    is_plain = len(lengths) == 1 and len(framing) == 1
    return _Shape(folded, framing, lengths[0] if is_plain else -1, connection_at)


def _value(line: bytes) -> bytes:
    return line.partition(b":")[2].strip(b" \t")


def parse_field_lines(block: bytes) -> tuple[Field, ...]:
    """Split field lines, each ending in CRLF, into (name, value) pairs without outer white space.

    Raises:
        HeadError: A line is not ``name:value``, or a control character is in it.
    """
    names, lines = _split_fields(block)
    fields = zip(names, lines, strict=True)
    return tuple([(name, line[len(name) + 1 :].strip(b" \t")) for name, line in fields])


def _split_fields(block: bytes) -> tuple[list[bytes], list[bytes]]:
    """The names, and the whole lines without their ends, of well-formed field lines."""
    lines = block.split(b"\r\n")
    names: list[bytes] = _NAME.findall(block)
    if lines.pop() or not len(names) == len(lines) == block.count(b"\n"):
        raise HeadError(_field_fault(block))
    return names, lines


# Which field it is says much to an operator, and a name that everybody knows tells no secret.
_TOLD_NAMES = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"authorization",
        b"cache-control",
        b"connection",
        b"content-disposition",
        b"content-length",
        b"content-type",
        b"cookie",
        b"date",
        b"etag",
        b"expires",
        b"host",
        b"last-modified",
        b"location",
        b"origin",
        b"proxy-authorization",
        b"referer",
        b"server",
        b"set-cookie",
        b"transfer-encoding",
        b"user-agent",
        b"www-authenticate",
        b"x-api-key",
        b"x-powered-by",
    }
)


def _field_fault(block: bytes) -> str:
    """Which field is not well-formed, and how."""
    for number, line in enumerate(block.split(b"\r\n"), start=1):
        if _NAME.fullmatch(line + b"\r\n") is None:
            return f"{_which(number, line)}: {_one_fault(line)}"
    return "a line feed without a carriage return"


def _which(number: int, line: bytes) -> str:
    name = line.partition(b":")[0].strip(b" \t").lower()
    return f"field {number}" + (f" ({name.decode()})" if name in _TOLD_NAMES else "")


def _one_fault(line: bytes) -> str:
    name, colon, value = line.partition(b":")
    if line.startswith((b" ", b"\t")):
        return "a folded line"
    if b"\n" in line:
        return "a line feed without a carriage return"
    if not colon:
        return "no colon"
    if name.endswith((b" ", b"\t")):
        return "a space before the colon"
    if re.fullmatch(_TOKEN + rb"+", name) is None:
        return "a character in its name that no name has"
    control = _CONTROL.search(value)
    return "not well-formed" if control is None else f"the control character 0x{control[0].hex()}"


def _read_fields(block: bytes, http_1_0: bool) -> RequestFields:
    fields = Fields(parse_field_lines(block))
    for name, _ in fields.items:
        # The name as sent must be the name as folded, or an upstream that folds frames it apart.
        folded = fold(name)
        if folded in _FRAMING and folded != name.lower():
            raise HeadError(f"{folded.decode()} in another spelling")
    values = {name: fields.all(name) for name in _ONCE}
    for name, found in values.items():
        if len(found) > 1:
            raise HeadError(f"more than one {name.decode()} field")
    connection = fields.tokens(b"connection")
    length = _length(values, http_1_0=http_1_0)
    return RequestFields(
        fields=fields,
        host=_host(values[b"host"], http_1_0),
        length=0 if length == UNTIL_CLOSE else length,
        connection=connection,
        upgrade=_upgrade(fields, length, http_1_0=http_1_0),
        expects_continue=_expects_continue(fields, http_1_0),
    )


def _upgrade(fields: Fields, length: int, *, http_1_0: bool) -> bytes:
    """The protocol to ask the upstream for, ``b""`` for none."""
    protocols = fields.tokens(b"upgrade")
    # RFC 9110, section 7.8: a server ignores it in HTTP/1.0, and where Connection does not name it.
    if http_1_0 or not protocols or b"upgrade" not in fields.tokens(b"connection"):
        return b""
    # A server that ends a head at its Upgrade reads the body as the next request (uvicorn with
    # httptools; aiohttp, GHSA-mfx4-hv73-q22v).
    if length not in (0, UNTIL_CLOSE):
        return b""
    value = fields.all(b"upgrade")[0]
    return b"" if _SECOND_HTTP.search(value) else value


def _remembered_fields(block: bytes, http_1_0: bool) -> RequestFields:
    """As `_read_fields`, for clients whose fields come again.  Reading is pure."""
    key = block, http_1_0
    known = _KNOWN_FIELDS.get(key)
    if known is None:
        known = _read_fields(block, http_1_0)
        # Not those that come but once: a flood would fill the memory with them, past all caches.
        seen = hash(key)
        if seen not in _SEEN_ONCE:
            if len(_SEEN_ONCE) >= _REMEMBERED_SEEN:
                _SEEN_ONCE.clear()
            _SEEN_ONCE.add(seen)
        else:
            if len(_KNOWN_FIELDS) >= _REMEMBERED_BLOCKS:
                _KNOWN_FIELDS.clear()
            _KNOWN_FIELDS[key] = known
    return known


_KNOWN_FIELDS: Final[dict[tuple[bytes, bool], RequestFields]] = {}
_SEEN_ONCE: Final[set[int]] = set()


def _expects_continue(fields: Fields, http_1_0: bool) -> bool:
    expect = fields.all(b"expect")
    if not expect:
        return False
    if [value.lower() for value in expect] != [b"100-continue"]:
        raise HeadError("Expect is not 100-continue")
    # RFC 9110, section 10.1.1: a server ignores it in HTTP/1.0.
    return not http_1_0


def _host(values: list[bytes], http_1_0: bool) -> str:
    if not values:
        if http_1_0:
            return ""
        raise HeadError("no Host field")
    host = canonical_host(values[0])
    if host is None:
        raise HeadError("Host is no host")
    return host


def canonical_host(value: bytes) -> str | None:
    """`value` in lower case without trailing dot and default port; None if it is no host."""
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


def _length(values: dict[bytes, list[bytes]], *, http_1_0: bool) -> int:
    lengths = values.get(b"content-length")
    codings = values.get(b"transfer-encoding")
    if codings:
        if lengths:
            raise HeadError("both Content-Length and Transfer-Encoding")
        if http_1_0:
            raise HeadError("Transfer-Encoding in HTTP/1.0")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise HeadError("Transfer-Encoding is not chunked, once")
        return CHUNKED
    if not lengths:
        return UNTIL_CLOSE
    if len(lengths) > 1:
        raise HeadError("more than one Content-Length")
    return _plain_length(lengths[0])


def _plain_length(value: bytes) -> int:
    if _LENGTH.fullmatch(value) is None:
        raise HeadError("Content-Length is no number")
    return int(value)


@lru_cache(maxsize=256)
def _tokens(value: bytes) -> frozenset[bytes]:
    return frozenset(part.strip(b" \t") for part in value.lower().split(b","))
