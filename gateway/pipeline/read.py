"""The first stage: turns a head into the one request that all other stages read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from gateway.bounded import remember
from gateway.errors import InternalError, MalformedRequestError
from gateway.message import forwarded
from gateway.message.fields import Fields
from gateway.message.original import Original, bare_original_of, original_of
from gateway.message.request import Request
from gateway.message.request_head import RequestHead, canonical_host, glimpse
from gateway.message.star import in_place_of_star, star_of
from gateway.message.target import Target, parse_target, split_absolute_form
from gateway.pipeline.scheme_notice import SchemeNotice
from gateway.record.audit import Entry

_NOTHING = Target(b"", "", "", ("",))


# Each is the public URL of a host that a star covers, or a peer; there may be any number of these.
_REMEMBERED = 1024
# The key of `Fields.derived` for what a trusted proxy tells in these fields.
_TOLD: Final = b"told by a proxy"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts served.

    Attributes:
        public_urls: Host -> public URL.
        first: The first public URL.
        stars: As `public_urls`, for hosts with a star, which stand for one label.
    """

    public_urls: Mapping[str, str]
    first: str
    stars: Mapping[str, str] = field(default_factory=dict)

    def serves(self, host: str) -> bool:
        """Whether `host` is served."""
        return host in self.public_urls or (bool(self.stars) and star_of(host) in self.stars)

    def url_of(self, host: str) -> str:
        """The public URL of `host`; the first one if it is not served."""
        found = self.public_urls.get(host)
        if found is not None:
            return found
        star = self.stars.get(star_of(host)) if self.stars else None
        return self.first if star is None else in_place_of_star(star, host)


class RequestReader:
    """Reads requests; takes client, host and request id only from fields of trusted proxies."""

    def __init__(
        self,
        hosts: Hosts,
        trusted: forwarded.Networks,
        new_request_id: Callable[[], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._hosts = hosts
        # A dict of its own: looking names up in any other mapping costs three times as much.
        self._public_urls = dict(hosts.public_urls)
        self._url_of: Callable[[str], str] = hosts.url_of
        if hosts.stars:
            self._url_of = lru_cache(maxsize=_REMEMBERED)(hosts.url_of)
        self._trusted = trusted
        self._proxies: dict[str, forwarded.Address | None] = {}
        self._new_request_id = new_request_id
        self._scheme_notice = SchemeNotice()
        self._monotonic = monotonic

    def read(self, head: RequestHead, peer: str, now: float) -> Entry:
        """The request of `head`, in the entry that records its outcome.

        Raises:
            MalformedRequestError, AmbiguousPathError: The request cannot be routed.
        """
        framing = head.framing
        proxy = self._proxy_at(peer) if self._trusted else None
        trusted = proxy is not None
        host, raw = framing.host, head.target
        if not raw.startswith(b"/"):
            host, raw = _from_absolute_form(host, raw)
        client, request_id = peer, None
        if proxy is not None:
            client, request_id, host = self._told_by(proxy, framing.fields, host, now)
        public_url = self._public_urls.get(host)
        request = Request(
            method=head.method,
            target=parse_target(raw),
            fields=framing.fields,
            host=host,
            public_url=self._url_of(host) if public_url is None else public_url,
            client=client,
            request_id=request_id or self._new_request_id(),
            received_at=now,
            http_1_0=head.http_1_0,
        )
        return Entry(request, framing, peer=peer, trusted=trusted, began_at=self._monotonic())

    def _proxy_at(self, peer: str) -> forwarded.Address | None:
        """The address of `peer` if it is a trusted proxy."""
        known = self._proxies.get(peer)
        if known is None and peer not in self._proxies:
            known = forwarded.trusted_address(peer, self._trusted)
            remember(self._proxies, peer, known, _REMEMBERED)
        return known

    def _told_by(
        self, proxy: forwarded.Address, fields: Fields, asked: str, now: float
    ) -> tuple[str, str | None, str]:
        """Client, request id and host as `proxy` tells them; `asked` is the host in Host."""
        # None of the fields that change names the client or the host.
        steady = fields.steady
        request_id = forwarded.request_id_of(fields)
        kept: _Told | None = steady.derived.get(_TOLD)
        if kept is not None and kept[0] is self and kept[1] is proxy and kept[2] == asked:
            return kept[3], request_id, kept[4]
        client = forwarded.client_address(proxy, steady, self._trusted)
        host = forwarded.forwarded_host(steady, asked)
        if host not in self._public_urls and not self._hosts.serves(host):
            host = self._with_port(steady, host)
        if self._hosts.serves(host):
            self._scheme_notice.look(steady, self._url_of(host), now)
        steady.derived[_TOLD] = self, proxy, asked, client, host
        return client, request_id, host

    def _with_port(self, fields: Fields, host: str) -> str:
        """`host` with the port that a trusted proxy names, if that is a host we serve."""
        asked = forwarded.with_port(fields, host)
        return asked if self._hosts.serves(asked) else host

    def reread(self, entry: Entry, dialect: str) -> None:
        """Make the original request, which a trusted proxy asks about, that of `entry`.

        Raises:
            MalformedRequestError, AmbiguousPathError: The question is malformed or ambiguous.
        """
        asked, framing = entry.request, entry.framing
        if framing is None:
            raise InternalError("bytes that are not a request were taken for a question")
        original = original_of(asked, framing, dialect)
        # nginx drops the content of every answer to `auth_request`.
        self._ask_about(entry, original, asked.client, shows_pages=dialect != "nginx")

    def reread_bare(self, entry: Entry) -> None:
        """As `reread`, for a question that names no page."""
        if entry.framing is None:
            raise InternalError("bytes that are not a request were taken for a question")
        self._ask_about(entry, *bare_original_of(entry.framing), shows_pages=False)

    def _ask_about(
        self, entry: Entry, original: Original, client: str, *, shows_pages: bool
    ) -> None:
        asked = entry.request
        entry.is_question = True
        entry.framing = framing = original.framing
        entry.request = Request(
            method=original.method,
            target=original.target,
            fields=framing.fields,
            host=framing.host,
            public_url=self._public_urls.get(framing.host) or self._url_of(framing.host),
            client=client,
            request_id=asked.request_id,
            received_at=asked.received_at,
            shows_pages=shows_pages,
        )

    def nothing(self, peer: str, now: float, sent: bytes) -> Entry:
        """The entry for the bytes `sent`, which are not a request."""
        method, fields = glimpse(sent)
        request = Request(
            method=method,
            target=_NOTHING,
            fields=fields,
            host="",
            public_url=self._hosts.first,
            client=peer,
            request_id=self._new_request_id(),
            received_at=now,
        )
        return Entry(request, None, peer=peer, trusted=False, began_at=self._monotonic())


# The reader, the proxy, and the host in Host; then the client and the host as the proxy tells them.
_Told = tuple[RequestReader, forwarded.Address, str, str, str]


def _from_absolute_form(host: str, raw: bytes) -> tuple[str, bytes]:
    """Host and origin-form target of an absolute-form target (RFC 9112, section 3.2.2)."""
    found = split_absolute_form(raw)
    if found is None:
        raise MalformedRequestError("the target is in neither origin-form nor absolute-form")
    authority, target = found
    named = canonical_host(authority.encode())
    if named is None or (host and named != host):
        raise MalformedRequestError("the host in the target differs from Host")
    return named, target
