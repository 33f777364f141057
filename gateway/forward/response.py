"""What of an upstream's response head reaches the client.  Pure."""

from collections.abc import Callable, Iterable, Mapping

from gateway.message.fields import Field, fold
from gateway.message.head import CHUNKED, UNTIL_CLOSE, ResponseHead

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
NO_BODY_STATUS = frozenset({204, 304})
SWITCHING_PROTOCOLS = 101


class ResponseRules:
    """What one upstream's responses lose and gain.

    `removed` and `added` are of the configuration; a Set-Cookie that names a cookie of
    `reserved`, the gateway's own, is dropped, so that no app can plant or end a session.  The
    others go through `owned`, which marks a cookie with its owner.
    """

    def __init__(
        self,
        *,
        removed: Iterable[bytes] = (),
        added: Mapping[bytes, bytes] | None = None,
        reserved: Iterable[bytes] = (),
        owned: Callable[[bytes, bytes | None], bytes] = lambda value, _: value,
    ) -> None:
        self._added = b"".join([b"%b: %b\r\n" % pair for pair in (added or {}).items()])
        self._reserved = tuple(reserved)
        self._owned = owned
        self._special = HOP_BY_HOP | {fold(n) for n in removed} | {fold(n) for n in added or {}}

    def lines(
        self, fields: tuple[Field, ...], connection: frozenset[bytes], owner: bytes | None
    ) -> bytes:
        """The field lines to pass on, the configured ones added; cookies become `owner`'s."""
        special = self._special | connection if connection else self._special
        kept = []
        for name, value in fields:
            folded = fold(name)
            if folded in special:
                continue
            if folded == b"set-cookie":
                if self._is_reserved(value):
                    continue
                kept.append(b"%b: %b\r\n" % (name, self._owned(value, owner)))
            else:
                kept.append(b"%b: %b\r\n" % (name, value))
        kept.append(self._added)
        return b"".join(kept)

    def trailers(self, fields: tuple[Field, ...]) -> tuple[Field, ...]:
        """The trailer fields to pass on; framing and cookies have no place among them."""
        dropped = self._special | {b"content-length", b"set-cookie", b"trailer"}
        return tuple(pair for pair in fields if fold(pair[0]) not in dropped)

    def _is_reserved(self, value: bytes) -> bool:
        name = value.partition(b";")[0].partition(b"=")[0].strip(b" \t")
        return name.startswith(self._reserved) if self._reserved else False


def body_length(head: ResponseHead, method: str) -> int:
    """How the response's body is delimited (RFC 9112, section 6.3)."""
    if method == "HEAD" or head.status in NO_BODY_STATUS or head.status == SWITCHING_PROTOCOLS:
        return 0
    return head.length


def framing_line(head: ResponseHead, length: int, *, http_1_0: bool) -> bytes:
    """The Transfer-Encoding line towards the client; its Content-Length passes among the fields.

    A body without a length reaches an HTTP/1.1 client in chunks, so that its end is known.
    """
    if http_1_0:
        return b""
    chunked = length in (CHUNKED, UNTIL_CLOSE) or (length == 0 and head.length == CHUNKED)
    return b"Transfer-Encoding: chunked\r\n" if chunked else b""
