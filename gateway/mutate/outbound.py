"""The head that goes upstream: the client's fields less what it may not say, ours added.  Pure."""

from collections.abc import Callable, Iterable
from functools import lru_cache

from gateway.credentials.shape import carries_own
from gateway.message.fields import Field, fold
from gateway.message.forwarded import append_hop, forwarded_element, traceparent_of
from gateway.message.head import CHUNKED, RequestFields
from gateway.message.request import Request
from gateway.mutate.names import CONNECTION_NAMES, is_identity_name

_NEVER_TRAILERS = frozenset({b"authorization", b"trailer"})


class FieldRules:
    """Which of a client's fields go on to one upstream.

    `removed` are the names the configuration removes or sets, for this or any other upstream;
    `key_field` is the one that may carry an API key of the gateway's, besides Authorization.
    """

    __slots__ = ("_credential_fields", "_dropped", "_key_fields")

    def __init__(self, removed: Iterable[bytes] = (), key_field: bytes = b"x-api-key") -> None:
        self._key_fields = frozenset({b"x-api-key", fold(key_field)})
        self._credential_fields = self._key_fields | {b"authorization"}
        self._dropped = CONNECTION_NAMES | {fold(name) for name in removed}

    def lines(self, of: RequestFields) -> bytes:
        """The field lines that pass, as sent and in order, Cookie aside; then those that frame."""
        derived = of.fields.derived
        lines: bytes | None = derived.get(self)
        if lines is None:
            hops = _hops(of)
            passing = [b"%b: %b\r\n" % f for f in of.fields.items if self._passes(f, hops)]
            lines = derived[self] = b"".join(passing) + _framing(of)
        return lines

    def trailers(self, fields: tuple[Field, ...], of: RequestFields) -> tuple[Field, ...]:
        """The trailer fields that pass; credentials have no place there (RFC 9110, 6.5.1)."""
        hops = _hops(of)
        passing = [f for f in fields if self._passes(f, hops)]
        return tuple(f for f in passing if self._may_trail(fold(f[0])))

    def _passes(self, field: Field, hops: frozenset[bytes]) -> bool:
        name, value = field
        folded = fold(name)
        if folded in self._dropped or is_identity_name(folded) or folded in hops:
            return False
        return folded not in self._credential_fields or not carries_own(value)

    def _may_trail(self, folded: bytes) -> bool:
        return folded not in _NEVER_TRAILERS and folded not in self._key_fields


def _hops(of: RequestFields) -> frozenset[bytes]:
    """The folded names of fields that are for this hop alone (RFC 9110, section 7.6.1)."""
    return frozenset(map(fold, of.connection)) if of.connection else of.connection


def steady_part(
    of: RequestFields, *, rules: FieldRules, host: bytes, cookies: bytes, forwarded: bytes
) -> bytes:
    """What of a head does not change while a client sends the same fields: from the end of the
    target on, identity and trace aside.

    `cookies` is the value of the Cookie field, ``b""`` for none; `forwarded` are field lines.
    """
    return b"".join(
        (
            b" HTTP/1.1\r\nHost: ",
            host,
            b"\r\n",
            rules.lines(of),
            b"Cookie: %b\r\n" % cookies if cookies else b"",
            forwarded,
        )
    )


def _framing(of: RequestFields) -> bytes:
    if of.length == 0:
        line = b"Content-Length: 0\r\n" if of.fields.has(b"content-length") else b""
    elif of.length == CHUNKED:
        line = b"Transfer-Encoding: chunked\r\n"
    else:
        line = b"Content-Length: %d\r\n" % of.length
    if of.expects_continue:
        line += b"Expect: 100-continue\r\n"
    if of.upgrade:
        line += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % of.upgrade
    return line


@lru_cache(maxsize=4096)
def forwarded_lines(client: str, public_url: str, host: str) -> bytes:
    """Who asked, for what, as the gateway saw it; what the client said of it is not repeated."""
    proto, _, authority = public_url.partition("://")
    shown = host or authority
    return (
        f"X-Forwarded-For: {client}\r\n"
        f"X-Forwarded-Proto: {proto}\r\n"
        f"X-Forwarded-Host: {shown}\r\n"
        f"Forwarded: {forwarded_element(client, host=shown, proto=proto)}\r\n"
    ).encode()


def forwarded_lines_behind(request: Request, peer: str) -> bytes:
    """As `forwarded_lines`, for a trusted proxy: its list of hops goes on, the proxy added."""
    proto, _, authority = request.public_url.partition("://")
    host = request.host or authority
    element = forwarded_element(peer, host=host, proto=proto)
    return (
        b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nForwarded: %b\r\n"
        % (
            append_hop(request.fields.all(b"x-forwarded-for"), peer),
            proto.encode(),
            host.encode(),
            append_hop(request.fields.all(b"forwarded"), element),
        )
    )


def trace_lines(request: Request, new_parent: Callable[[], str], *, trusted: bool) -> bytes:
    """X-Request-Id and W3C ``traceparent``; a trusted proxy's trace goes on as it came."""
    given = traceparent_of(request.fields) if trusted else None
    lines = f"X-Request-Id: {request.request_id}\r\ntraceparent: {given or new_parent()}\r\n"
    if given is None:
        return lines.encode()
    states = request.fields.all(b"tracestate")
    return lines.encode() + b"".join([b"tracestate: %b\r\n" % state for state in states])
