"""Which parts of an upstream's response head the client gets.  Pure."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from gateway.forward.public_paths import AppCookies, PublicPaths
from gateway.message.fields import Field, fold
from gateway.message.framing import CHUNKED, UNTIL_CLOSE
from gateway.message.public_url import origin_of
from gateway.message.response_head import ResponseHead

# RFC 9110, section 7.6.1: these belong to one connection and are never forwarded.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Connection options that name no field, or only fields that are never forwarded.
_USUAL_OPTIONS: Final = frozenset({b"close", b"keep-alive", b"upgrade"})
_FRAMING: Final = frozenset({b"content-length"})
NO_BODY_STATUS: Final = frozenset({204, 304})
SWITCHING_PROTOCOLS: Final = 101
_NO_CONTENT = 204
_SHARED: Final = frozenset({b"public", b"s-maxage"})


class ResponseRules:
    """Removes and adds fields in the responses of one upstream.

    `removed` and `added` come from the configuration.  `reserved` are the gateway's own cookies: a
    Set-Cookie for one of them, or for such a name followed by ``-``, is dropped, so that no app
    can set or end a session.  `paths` are the app's places as clients know them, if they differ.
    """

    def __init__(
        self,
        *,
        removed: Iterable[bytes] = (),
        added: Mapping[bytes, bytes] | None = None,
        reserved: Iterable[bytes] = (),
        paths: PublicPaths | None = None,
    ) -> None:
        self._paths, self._removed, self._fields = paths, tuple(removed), dict(added or {})
        self._varying = {b"set-cookie"} if paths is None else {b"set-cookie", *paths.names}
        self._added = b"".join([b"%b: %b\r\n" % pair for pair in self._fields.items()])
        self._reserved = frozenset(reserved)
        self._reserved_beginnings = tuple(name + b"-" for name in self._reserved)
        # An app's responses have few different lists of names.
        self._plan = lru_cache(maxsize=1024)(self._plan_names)
        self._special = HOP_BY_HOP | set(map(fold, self._removed)) | set(map(fold, self._fields))

    def at(self, paths: PublicPaths | None) -> "ResponseRules":
        """The same rules for an app whose places clients know as `paths` says."""
        return ResponseRules(
            removed=self._removed, added=self._fields, reserved=self._reserved, paths=paths
        )

    def without(self, names: Iterable[bytes]) -> "ResponseRules":
        """The same rules, less the fields `names`, whether the app or the file sets them."""
        gone = {fold(it) for it in names}
        return ResponseRules(
            removed=(*self._removed, *gone),
            added={name: it for name, it in self._fields.items() if fold(name) not in gone},
            reserved=self._reserved,
            paths=self._paths,
        )

    def start(self, head: ResponseHead, owned: AppCookies | None, public_url: str) -> bytes:
        """The status line and the field lines; for a client at `public_url`."""
        start = head.derived.get(self)
        if start is None:
            start = b"HTTP/1.1" + head.line[8:] + b"\r\n" + self.lines(head, owned, public_url)
            # Cookies and places depend on the request; everything else follows from the head.
            if not self._plan(head.names)[1]:
                head.derived[self] = start
        return start

    def switching(self, head: ResponseHead, owned: AppCookies | None, public_url: str) -> bytes:
        """As `start`, for 101 (Switching Protocols): passes Upgrade, although it is hop-by-hop."""
        change = b"\r\nConnection: Upgrade\r\nUpgrade: " + head.value(b"upgrade") + b"\r\n"
        return b"HTTP/1.1" + head.line[8:] + change + self.lines(head, owned, public_url)

    def lines(self, head: ResponseHead, owned: AppCookies | None, public_url: str) -> bytes:
        """The field lines to pass on, plus the configured ones; `owned` marks the cookies."""
        kept, varies = self._plan(head.names)
        lines = head.lines
        options = head.connection
        if varies or (options and not options.issubset(_USUAL_OPTIONS)):
            found = self._picked(head, owned, public_url)
        else:
            found = [lines[index] for index in kept]
        found.append(self._added)
        return b"\r\n".join(found)

    def _plan_names(self, names: tuple[bytes, ...]) -> tuple[tuple[int, ...], bool]:
        """Positions of the lines to pass on, and whether any depends on the request."""
        kept = tuple(i for i, name in enumerate(names) if name not in self._special)
        return kept, not self._varying.isdisjoint(names)

    def _picked(self, head: ResponseHead, owned: AppCookies | None, public_url: str) -> list[bytes]:
        # Content-Length frames the response for the client, so Connection cannot remove it.
        special = self._special.union(map(fold, head.connection)) - _FRAMING
        found = []
        for name, line in zip(head.names, head.lines, strict=True):
            if name in special:
                continue
            if name not in self._varying:
                found.append(line)
                continue
            sent, _, value = line.partition(b":")
            if name == b"set-cookie":
                found += [b"%b: %b" % (sent, it) for it in self._cookie(value, owned)]
            elif self._paths is not None:
                origin = origin_of(public_url).encode()
                found.append(b"%b: %b" % (sent, self._paths.field(name, value, origin)))
        return found

    def cookies(self, head: ResponseHead, owned: AppCookies | None) -> list[bytes]:
        """The Set-Cookie values to pass on; `owned` marks the cookies."""
        found: list[bytes] = []
        for name, line in zip(head.names, head.lines, strict=True):
            if name == b"set-cookie" and name not in self._special:
                found += self._cookie(line.partition(b":")[2], owned)
        return found

    def _cookie(self, value: bytes, owned: AppCookies | None) -> tuple[bytes, ...]:
        value = value.strip(b" \t")
        if self._is_reserved(value):
            return ()
        if self._paths is not None:
            value = self._paths.cookie(value)
        return (value,) if owned is None else owned.from_app(value)

    def trailers(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """The trailer fields to pass on; framing and cookies are not allowed there."""
        dropped = self._special | {b"content-length", b"set-cookie", b"trailer"}
        return tuple(pair for pair in fields if fold(pair[0]) not in dropped)

    def _is_reserved(self, value: bytes) -> bool:
        # A browser stores "=gatepost=x" as a cookie without a name and sends back only its value,
        # which then reads as the gateway's cookie.
        pair = value.partition(b";")[0].lstrip(b"= \t")
        name = pair.partition(b"=")[0].rstrip(b" \t")
        return name in self._reserved or name.startswith(self._reserved_beginnings)


def is_for_shared_caches(head: ResponseHead) -> bool:
    """Whether the app says that caches may keep the response for other clients.

    RFC 9111, sections 5.2.2.9 and 5.2.2.10.
    """
    for name, line in zip(head.names, head.lines, strict=True):
        if name == b"cache-control":
            given = line.partition(b":")[2].lower().split(b",")
            if not _SHARED.isdisjoint([it.partition(b"=")[0].strip() for it in given]):
                return True
    return False


def is_event_stream(head: ResponseHead) -> bool:
    """Whether the body is a stream of events, which may go on for days (HTML, section 9.2)."""
    media_type = head.value(b"content-type").partition(b";")[0].strip(b" \t")
    return media_type.lower() == b"text/event-stream"


def reframed(head: ResponseHead, method: str, *, http_1_0: bool) -> tuple[ResponseHead, int, bytes]:
    """The head for the client, its body's length, and the Transfer-Encoding line (or ``b""``)."""
    length = body_length(head, method)
    if head.status == _NO_CONTENT and announces_body(head):
        return without_framing(head), length, b""
    return head, length, framing_line(head, length, http_1_0=http_1_0)


def body_length(head: ResponseHead, method: str) -> int:
    """The length of the response's body (RFC 9112, section 6.3)."""
    return 0 if method == "HEAD" or head.status in NO_BODY_STATUS else head.length


def announces_body(head: ResponseHead) -> bool:
    """Whether the fields announce a body, whatever the method and status."""
    return head.length > 0 or head.length == CHUNKED


def without_framing(head: ResponseHead) -> ResponseHead:
    """`head`, whose status never has a body, without the fields that announce one.

    RFC 9110, section 8.6, and RFC 9112, section 6.1: 1xx and 204 have neither Content-Length nor
    Transfer-Encoding.  With them, the client would wait for a body that never comes.
    """
    kept = [i for i, name in enumerate(head.names) if name != b"content-length"]
    lines = [head.lines[i] for i in kept]
    names = tuple(head.names[i] for i in kept)
    return ResponseHead(head.status, head.http_1_0, head.line, lines, names, 0, head.connection)


def framing_line(head: ResponseHead, length: int, *, http_1_0: bool) -> bytes:
    """The Transfer-Encoding line for the client; Content-Length is passed with the other fields.

    An HTTP/1.1 client gets a body without a length in chunks, so that it knows where it ends.
    """
    if http_1_0 or head.length >= 0:
        return b""
    chunked = length in (CHUNKED, UNTIL_CLOSE) or (length == 0 and head.length == CHUNKED)
    return b"Transfer-Encoding: chunked\r\n" if chunked else b""
