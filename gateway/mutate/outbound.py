"""The head that goes upstream: the client's fields after removals, and ours.  Pure."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from gateway.credentials.shape import carries_own
from gateway.message.fields import Field, fold
from gateway.message.forwarded import (
    append_hop,
    forwarded_element,
    forwarded_prefix,
    forwarded_so_far,
    traceparent_of,
)
from gateway.message.framing import CHUNKED
from gateway.message.names import CONNECTION_NAMES, is_identity_name
from gateway.message.request import Request
from gateway.message.request_head import RequestFraming

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NEVER_TRAILERS = frozenset({b"authorization", b"trailer"})


class FieldRules:
    """Which of a client's fields go to one upstream.

    `removed` are the names that the configuration removes or sets, for this or any other upstream.
    `key_field` is the field that may carry one of the gateway's API keys, besides Authorization.
    `kept` are names of other proxies' fields that pass; with a trailing ``*``, prefixes of names.
    """

    __slots__ = ("_credential_fields", "_dropped", "_kept", "_kept_beginnings", "_key_fields")

    def __init__(
        self,
        removed: Iterable[bytes] = (),
        key_field: bytes = b"x-api-key",
        kept: Iterable[bytes] = (),
    ) -> None:
        # Folded name -> name as the gateway reads it.
        self._key_fields = {fold(name): name for name in (b"x-api-key", key_field.lower())}
        self._credential_fields = frozenset((*self._key_fields, b"authorization"))
        self._dropped = CONNECTION_NAMES | {fold(name) for name in removed}
        patterns = tuple(kept)
        self._kept = frozenset(fold(it) for it in patterns if not it.endswith(b"*"))
        self._kept_beginnings = tuple(fold(it[:-1]) for it in patterns if it.endswith(b"*"))

    def lines(self, framing: RequestFraming) -> bytes:
        """The field lines that pass, as sent and in order, without framing fields and Cookie."""
        derived = framing.fields.derived
        lines: bytes | None = derived.get(self)
        if lines is None:
            hops = _hops(framing)
            passing = [self._line(f, hops) for f in framing.fields.items if self._passes(f, hops)]
            lines = derived[self] = b"".join(passing)
        return lines

    def trailers(self, fields: tuple[Field, ...], framing: RequestFraming) -> tuple[Field, ...]:
        """The trailer fields that pass; credentials may not be trailers (RFC 9110, 6.5.1)."""
        hops = _hops(framing)
        passing = [f for f in fields if self._passes(f, hops)]
        return tuple(f for f in passing if self._may_trail(fold(f[0])))

    def reaches_app(self, name: bytes) -> bool:
        """Whether a client's field of this name can reach the app."""
        return self._passes((name, b""), frozenset())

    def _line(self, field: Field, hops: frozenset[bytes]) -> bytes:
        name, value = field
        if name.lower() == b"trailer":
            value = self._announced(value, hops)
            if not value:
                return b""
        return b"%b: %b\r\n" % (name, value)

    def _announced(self, value: bytes, hops: frozenset[bytes]) -> bytes:
        """The names in a Trailer field that may follow (RFC 9110, section 6.6.2)."""
        names = [name.strip(b" \t") for name in value.split(b",")]
        return b", ".join(
            [n for n in names if self._passes((n, b""), hops) and self._may_trail(fold(n))]
        )

    def _passes(self, field: Field, hops: frozenset[bytes]) -> bool:
        name, value = field
        folded = fold(name)
        if folded in self._dropped or folded in hops:
            return False
        if is_identity_name(folded) and not self._is_kept(folded):
            return False
        if folded not in self._credential_fields:
            return True
        # An app that folds names would read a key that the gateway has not checked.
        is_alias = name.lower() != self._key_fields.get(folded, folded)
        return not is_alias and not carries_own(value)

    def _is_kept(self, folded: bytes) -> bool:
        return folded in self._kept or (
            bool(self._kept_beginnings) and folded.startswith(self._kept_beginnings)
        )

    def _may_trail(self, folded: bytes) -> bool:
        return folded not in _NEVER_TRAILERS and folded not in self._key_fields


def _hops(framing: RequestFraming) -> frozenset[bytes]:
    """Folded names of the hop-by-hop fields (RFC 9110, section 7.6.1)."""
    return frozenset(map(fold, framing.connection)) if framing.connection else framing.connection


def steady_start(framing: RequestFraming, *, host: bytes, forwarded: bytes) -> bytes:
    """The part after the target that stays the same while the client sends the same fields.

    `forwarded` are field lines.  The gateway's lines come before the client's, because some
    servers read only the first fields (Node keeps 1,000) and a client could push the identity out.
    """
    return b"".join((b" HTTP/1.1\r\nHost: ", host, b"\r\n", framing_lines(framing), forwarded))


def steady_end(framing: RequestFraming, *, rules: FieldRules, cookies: bytes) -> bytes:
    """The client's fields, the Cookie value `cookies` (``b""`` for none), and the final CRLF."""
    if not cookies:
        return rules.lines(framing) + b"\r\n"
    return b"%bCookie: %b\r\n\r\n" % (rules.lines(framing), cookies)


def framing_lines(framing: RequestFraming) -> bytes:
    """The fields for message framing and for the connection."""
    if framing.length == 0:
        line = b"Content-Length: 0\r\n" if framing.fields.has(b"content-length") else b""
    elif framing.length == CHUNKED:
        line = b"Transfer-Encoding: chunked\r\n"
    else:
        line = b"Content-Length: %d\r\n" % framing.length
    if framing.expects_continue:
        line += b"Expect: 100-continue\r\n"
    if framing.upgrade:
        line += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % framing.upgrade
    return line


@lru_cache(maxsize=1024)
def url_parts(public_url: str) -> tuple[str, str, int]:
    """Scheme, authority and port of a public URL."""
    parts = urlsplit(public_url)
    return parts.scheme, parts.netloc, parts.port or _DEFAULT_PORTS[parts.scheme]


@lru_cache(maxsize=4096)
def forwarded_lines(client: str, public_url: str, host: str, prefix: str = "") -> bytes:
    """The client and the URL as the gateway saw them; the client's own claims are dropped.

    `prefix` is the part of the path that the app does not get.
    """
    proto, authority, port = url_parts(public_url)
    shown = host or authority
    return (
        f"X-Forwarded-For: {client}\r\n"
        f"X-Forwarded-Proto: {proto}\r\n"
        f"X-Forwarded-Host: {shown}\r\n"
        f"X-Forwarded-Port: {port}\r\n"
        f"Forwarded: {forwarded_element(client, host=shown, proto=proto)}\r\n" + prefix_line(prefix)
    ).encode()


def prefix_line(prefix: str) -> str:
    """The X-Forwarded-Prefix line; ``""`` if the app gets the whole path."""
    return f"X-Forwarded-Prefix: {prefix}\r\n" if prefix else ""


def forwarded_lines_behind(request: Request, peer: str, prefix: str = "") -> bytes:
    """`forwarded_lines` behind a trusted proxy: keeps its list of hops and adds the proxy."""
    proto, authority, port = url_parts(request.public_url)
    host = request.host or authority
    element = forwarded_element(peer, host=host, proto=proto)
    return (
        b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\n"
        b"X-Forwarded-Port: %d\r\nForwarded: %b\r\n%b"
        % (
            append_hop(request.fields.all(b"x-forwarded-for"), peer),
            proto.encode(),
            host.encode(),
            port,
            append_hop(forwarded_so_far(request.fields, request.client, peer), element),
            prefix_line(forwarded_prefix(request.fields) + prefix).encode(),
        )
    )


def trace_lines(request: Request, parent: Callable[[str | None], str], *, trusted: bool) -> bytes:
    """X-Request-Id and W3C ``traceparent``; a trusted proxy's trace goes on.

    `parent` gets the ``traceparent`` of a trusted proxy, and returns the one to send.
    """
    given = traceparent_of(request.fields) if trusted else None
    lines = f"X-Request-Id: {request.request_id}\r\ntraceparent: {parent(given)}\r\n"
    if given is None:
        return lines.encode()
    states = request.fields.all(b"tracestate")
    return lines.encode() + b"".join([b"tracestate: %b\r\n" % state for state in states])
