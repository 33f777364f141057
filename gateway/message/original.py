"""Reads which request a proxy asks about, in a question to the forward-auth endpoint.

Each dialect has one place for the original request.  The caller must check that the peer is
trusted.  Nothing is guessed: a field that is absent, repeated or not exactly what the proxy writes
is refused, because deciding on another path than the app serves would evade the rules.
"""

import re
from collections.abc import Iterable
from typing import Final

from gateway.bounded import remember
from gateway.errors import MalformedRequestError
from gateway.message.fields import Field, Fields, fold
from gateway.message.forwarded import parse_address
from gateway.message.framing import CHUNKED
from gateway.message.names import REROUTING_NAMES, is_identity_name
from gateway.message.public_url import OWN_PREFIX, base_of
from gateway.message.request import Request
from gateway.message.request_head import METHOD, SECOND_HTTP, RequestFraming, canonical_host
from gateway.message.target import Target, parse_target

# Where proxies send their questions; Envoy appends the original path and query.
AUTH_PATH = f"{OWN_PREFIX}/auth"
# Where oauth2-proxy is asked.  A question that names no page is judged as one about this.
OAUTH2_AUTH_PATH = "/oauth2/auth"
_ANY_PAGE = parse_target(OAUTH2_AUTH_PATH.encode())
# Longer ones do not fit into a head of the default `limits.head_bytes`.
_MAX_URI_BYTES = 32768
# The host as written by nginx, and nothing but a path after it: in `http://a?b/c` the path would be
# up to the client, who chooses Host.
_URL = re.compile(rb"https?://([^/?#@]+)(/.*)", re.DOTALL)
# Traefik writes the last two for WebSockets.
_SCHEMES = frozenset({b"http", b"https", b"ws", b"wss"})
# The fields of all dialects, folded.  Removed from what is judged, whatever the dialect.
_QUESTION = frozenset(
    {
        b"x-original-method",
        b"x-original-url",
        b"x-original-uri",
        b"x-forwarded-method",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-uri",
        b"x-forwarded-port",
        b"x-envoy-original-path",
        b"x-request-id",
    }
)
# The proxy would pass these on to the app, which could serve another path or method than is judged.
_REROUTING = REROUTING_NAMES | {b"x-rewrite-url", b"x-original-url", b"x-original-uri"}


# Keys of `Fields.derived`, the second one with the dialect.
_READ: Final = b"original"
_JUDGED: Final = "judged"


class Original:
    """The original request.  Immutable.

    Attributes:
        framing: Its host, as `canonical_host` returns it, its fields, without those of the
            question, and the protocol that the client wants to switch to.
        dialect: In which it was told.
    """

    __slots__ = ("dialect", "framing", "method", "target")

    def __init__(
        self, method: str, target: Target, framing: RequestFraming, dialect: str = ""
    ) -> None:
        self.method = method
        self.target = target
        self.framing = framing
        self.dialect = dialect


def is_question(request: Request, dialect: str) -> bool:
    """Whether `request` is a question."""
    raw, url = request.target.raw, request.public_url
    auth = _AUTH_PATHS.get(url) or _auth_path(url)
    if not raw.startswith(auth):
        return False
    after = raw[len(auth) : len(auth) + 1]
    return after in (b"", b"?") or (after == b"/" and dialect == "envoy")


def _auth_path(public_url: str) -> bytes:
    path = (base_of(public_url) + AUTH_PATH).encode()
    remember(_AUTH_PATHS, public_url, path, _REMEMBERED_URLS)
    return path


# By public URL, of which stars make any number.
_AUTH_PATHS: Final[dict[str, bytes]] = {}
_REMEMBERED_URLS: Final = 1024


def bare_original_of(framing: RequestFraming) -> tuple[Original, str]:
    """What a question that names no page is about, and the client's address.

    nginx with the configuration known from oauth2-proxy sends only Host and X-Real-IP, and passes
    on everything else as the client wrote it.  So nothing else is read: not the page, and not the
    method.

    Raises:
        MalformedRequestError: The question is malformed.
    """
    asked = _clients_part(framing.fields, "nginx")
    client = parse_address(framing.fields.text(b"x-real-ip"))
    if client is None:
        raise MalformedRequestError("X-Real-IP is missing, repeated or no address")
    if not framing.host:
        raise MalformedRequestError("the question has no Host")
    return Original("GET", _ANY_PAGE, _framed(asked, framing.host)), str(client)


def original_of(asked: Request, framing: RequestFraming, dialect: str) -> Original:
    """The original request that the question `asked` is about.

    Raises:
        MalformedRequestError: The question is malformed.
        AmbiguousPathError: The original path has too many readings.
    """
    fields = framing.fields
    if dialect == "envoy":
        uri = asked.target.raw[len(_auth_path(asked.public_url)) :]
        rest = _framed(_judged_part(fields, dialect), framing.host)
        return Original(asked.method, _target(uri), rest)
    known: Original | None = fields.derived.get(_READ)
    if known is None or known.dialect != dialect:
        known = fields.derived[_READ] = _read(fields, dialect)
    return known


def _read(fields: Fields, dialect: str) -> Original:
    """The original request, all of which the fields of the question tell."""
    judged = _judged_part(fields, dialect)
    sent, host, uri = _as_nginx(fields) if dialect == "nginx" else _as_traefik(fields)
    if METHOD.fullmatch(sent) is None:
        raise MalformedRequestError("the original method is not a method")
    return Original(sent.decode(), _target(uri), _framed(judged, host), dialect)


def _target(uri: bytes) -> Target:
    if len(uri) > _MAX_URI_BYTES:
        raise MalformedRequestError(f"an original path of {len(uri)} bytes")
    return parse_target(uri)


def _framed(fields: Fields, host: str) -> RequestFraming:
    """The framing of a request whose body stays with the proxy, so nobody here knows its length."""
    upgrade = _upgrade(fields)
    return RequestFraming(fields, host, CHUNKED, frozenset(), upgrade, expects_continue=False)


def _judged_part(fields: Fields, dialect: str) -> Fields:
    """`_clients_part`, of a question that must tell the client's address."""
    if not (fields.has(b"x-forwarded-for") or fields.has(b"forwarded")):
        # Otherwise every client would be judged by the proxy's own address.
        raise MalformedRequestError("the question has neither X-Forwarded-For nor Forwarded")
    return _clients_part(fields, dialect)


def _clients_part(fields: Fields, dialect: str) -> Fields:
    """`fields` without those of the question, all of which the app may get."""
    _refuse_what_the_app_must_not_get(fields.changing, dialect)
    steady, key = fields.steady, (_JUDGED, dialect)
    kept: Fields | None = steady.derived.get(key)
    if kept is None:
        _refuse_what_the_app_must_not_get(steady.items, dialect)
        kept = Fields([field for field in steady.items if fold(field[0]) not in _QUESTION])
        steady.derived[key] = kept
    return kept


def _refuse_what_the_app_must_not_get(fields: Iterable[Field], dialect: str) -> None:
    """Refuse fields of the client that the proxy would pass on, and no rule could judge."""
    own = b"x-original-url" if dialect == "nginx" else b""
    for name, value in fields:
        folded = fold(name)
        if folded in _REROUTING and name.lower() != own:
            raise MalformedRequestError(
                f"{folded.decode()} could make the app serve another request: "
                "remove it in the proxy, as the guide to forward-auth shows"
            )
        if folded != name.lower() and is_identity_name(folded):
            # The proxy overwrites only the exact name, and apps over CGI or WSGI read both as one.
            raise MalformedRequestError(f"{folded.decode()} is misspelled")
        if folded == b"upgrade" and SECOND_HTTP.search(value):
            # The proxy would tunnel it.
            raise MalformedRequestError("Upgrade asks for a second HTTP, which no rule would check")


def _as_nginx(fields: Fields) -> tuple[bytes, str, bytes]:
    found = _URL.fullmatch(_only(fields, "X-Original-URL"))
    if found is None:
        raise MalformedRequestError("X-Original-URL is not scheme, host and path of one URL")
    return _only(fields, "X-Original-Method"), _host(found[1]), found[2]


def _as_traefik(fields: Fields) -> tuple[bytes, str, bytes]:
    """Method, host and target as Traefik and Caddy tell them."""
    if _only(fields, "X-Forwarded-Proto") not in _SCHEMES:
        raise MalformedRequestError("X-Forwarded-Proto is not the scheme of a request")
    host = _host(_only(fields, "X-Forwarded-Host"))
    return _only(fields, "X-Forwarded-Method"), host, _only(fields, "X-Forwarded-Uri")


def _only(fields: Fields, name: str) -> bytes:
    value = fields.only(name.lower().encode())
    if not value:
        raise MalformedRequestError(f"{name} is missing, empty or repeated")
    return value


def _host(value: bytes) -> str:
    host = canonical_host(value)
    if host is None:
        raise MalformedRequestError("the original host is not a host")
    return host


def _upgrade(fields: Fields) -> bytes:
    """What the client wants to switch to.

    Proxies drop Connection, and Traefik drops Upgrade too.  Browsers set ``Sec-*`` themselves, and
    no script can; over plain http they send no Fetch Metadata, but always the handshake's key.
    """
    if fields.only(b"sec-fetch-mode") == b"websocket" or fields.has(b"sec-websocket-key"):
        return b"websocket"
    return b",".join(fields.all(b"upgrade"))
