"""An app's cookies, each bound to one owner: marking, reading and expiring them.  Pure.

With ``cookies: isolate`` the browser keeps an app's HttpOnly cookie as ``name~gp`` and sixteen
hexadecimal digits that identify its owner, an account or an anonymous user.  Only requests of that
owner carry it to the app, under its own name.  Otherwise apps that pin their session to the first
identity field they see (pgAdmin 4, Buildbot) would keep serving alice after bob has signed in.
The mark is a suffix, so that ``__Host-`` and ``__Secure-`` keep their meaning (RFC 6265bis,
section 4.1.3).
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

MARK = b"~gp"
TAG_CHARS = 16
_MARKED = re.compile(rb"([^=]*)~gp([0-9a-f]{16})")
_MAX_AGE = re.compile(rb"-?[0-9]+")
_NOTE_PARTS = 4
# Characters that RFC 6265, section 4.1.1 allows in an attribute; a name also excludes "=".
_CLEAN = re.compile(rb"[^\x00-\x1f\x7f;]*")

Tags = Sequence[bytes]


class OwnNames:
    """Names of the gateway's own cookies: `names`, and each of them followed by ``-`` and more."""

    def __init__(self, names: Iterable[bytes]) -> None:
        self._exact = frozenset(names)
        self._prefixes = tuple(name + b"-" for name in self._exact)

    def covers(self, name: bytes) -> bool:
        """Whether a cookie of this name is the gateway's."""
        return name in self._exact or name.startswith(self._prefixes)


def pairs_of(fields: Sequence[bytes]) -> list[bytes]:
    """The ``name=value`` pairs in the values of the Cookie fields, in order."""
    text = fields[0] if len(fields) == 1 else b";".join(fields)
    return [stripped for pair in text.split(b";") if (stripped := pair.strip(b" \t"))]


def name_of(pair: bytes) -> bytes:
    """The name in ``name=value``, or the whole pair if it has no ``=``."""
    return pair.partition(b"=")[0].rstrip(b" \t")


def is_marked(name: bytes) -> bool:
    """Whether a cookie of this name is bound to an owner."""
    return _MARKED.fullmatch(name) is not None


def marked(name: bytes, tag: bytes) -> bytes:
    """The name under which the browser keeps the cookie `name` for the owner with `tag`."""
    return name + MARK + tag


def cookies_to_app(
    fields: Sequence[bytes], own: OwnNames, tags: Callable[[], Tags] | None
) -> bytes:
    """The value of the Cookie field for the app; ``b""`` for none.

    `tags` returns the tags of the request's owner, newest first, or none if the owner is unknown.
    It is only called if a cookie is marked.  None stands for an app whose cookies are shared.
    """
    pairs = [pair for pair in pairs_of(fields) if not own.covers(name_of(pair))]
    if not any(MARK in pair for pair in pairs):
        return b"; ".join(pairs)
    return b"; ".join(_given_back(pairs, () if tags is None else tags()))


def _given_back(pairs: list[bytes], tags: Tags) -> list[bytes]:
    ranks = {tag: rank for rank, tag in enumerate(tags)}
    found = [(pair, _MARKED.fullmatch(name_of(pair))) for pair in pairs]
    best: dict[bytes, int] = {}
    for _, mark in found:
        if mark is not None and mark[2] in ranks:
            best[mark[1]] = min(ranks[mark[2]], best.get(mark[1], len(ranks)))
    kept = []
    for pair, mark in found:
        if mark is None:
            # A script could have set this one, so it never replaces the app's HttpOnly cookie.
            if name_of(pair) not in best:
                kept.append(pair)
        elif mark[2] in ranks and ranks[mark[2]] == best[mark[1]]:
            value = pair.partition(b"=")[2]
            kept.append(b"%b=%b" % (mark[1], value) if mark[1] else value)
    return kept


@dataclass(frozen=True, slots=True)
class Place:
    """Where a browser keeps a cookie, besides its name; mostly ``/`` of one host."""

    path: bytes = b"/"
    domain: bytes = b""
    partitioned: bool = False


EVERYWHERE = Place()


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A Set-Cookie value, read as browsers do (RFC 6265, section 5.2).

    Attributes:
        tail: The attributes as sent, with the leading ``;``.
        attributes: By lower-case name; if one is repeated, the last counts.
    """

    name: bytes
    value: bytes
    tail: bytes
    attributes: Mapping[bytes, bytes]

    @property
    def is_http_only(self) -> bool:
        """Whether the cookie is hidden from scripts."""
        return b"httponly" in self.attributes

    def is_deletion(self, now: float) -> bool:
        """Whether browsers delete the cookie when they read this."""
        max_age = self.attributes.get(b"max-age")
        if max_age is not None:
            return max_age.startswith(b"-") or not max_age.strip(b"0")
        expires = self.attributes.get(b"expires")
        return expires is not None and _is_past(expires, now)

    def place(self, request_path: bytes) -> Place:
        """Where browsers keep the cookie if a response for `request_path` sets it."""
        path = self.attributes.get(b"path", b"")
        if not path.startswith(b"/"):
            # RFC 6265, section 5.1.4: the default is the directory of the request path.
            path = request_path.rpartition(b"/")[0] or b"/"
        domain = self.attributes.get(b"domain", b"").removeprefix(b".")
        return Place(path, domain, b"partitioned" in self.attributes)

    def named(self, name: bytes) -> bytes:
        """The Set-Cookie value for the same cookie under another name."""
        return name + b"=" + self.value + self.tail


def parse_set_cookie(raw: bytes) -> SetCookie:
    """Read `raw`.  Never fails, because browsers accept almost anything."""
    pair, semicolon, rest = raw.partition(b";")
    name, equals, value = pair.partition(b"=")
    if not equals:
        name, value = b"", pair
    attributes: dict[bytes, bytes] = {}
    for attribute in rest.split(b";"):
        key, _, given = attribute.partition(b"=")
        key, given = key.strip(b" \t").lower(), given.strip(b" \t")
        if key != b"max-age" or _MAX_AGE.fullmatch(given):
            attributes[key] = given
    return SetCookie(name.strip(b" \t"), value.strip(b" \t"), semicolon + rest, attributes)


def expired(name: bytes, place: Place, *, secure: bool) -> bytes:
    """The Set-Cookie value that makes browsers delete the cookie `name` at `place`."""
    parts = [name + b"=", b"Max-Age=0", b"Path=" + place.path]
    if place.domain:
        parts.append(b"Domain=" + place.domain)
    if secure:
        parts.append(b"Secure")
    if place.partitioned:
        parts.append(b"Partitioned")
    return b"; ".join(parts)


def encode_note(name: bytes, place: Place) -> bytes:
    """A cookie value that records that `name` is kept at `place`."""
    flag = b"1" if place.partitioned else b""
    parts = [urlsafe_b64encode(part) for part in (name, place.path, place.domain, flag)]
    return b".".join(part.rstrip(b"=") for part in parts)


def decode_note(value: bytes) -> tuple[bytes, Place] | None:
    """The arguments of `encode_note`, or None if `value` is not a note."""
    parts = value.split(b".")
    if len(parts) != _NOTE_PARTS:
        return None
    try:
        name, path, domain, flag = (urlsafe_b64decode(p + b"=" * (-len(p) % 4)) for p in parts)
    except ValueError:
        return None
    if not path.startswith(b"/") or not all(_CLEAN.fullmatch(p) for p in (name, path, domain)):
        return None
    return name, Place(path, domain, flag == b"1")


def _is_past(date: bytes, now: float) -> bool:
    try:
        read = parsedate_tz(date.decode("ascii"))
        return read is not None and mktime_tz(read) <= now
    except (ValueError, OverflowError):
        return False
