"""Turns places that an app names in its responses into those that clients know.  Pure.

An app below ``/base`` of ``http://backend:3000`` answers with ``Location: /base/login`` or
``Location: http://backend:3000/base/login``, and with ``Set-Cookie: a=1; Path=/base``, while
clients know these places as ``/login`` and ``/``.
"""

import re
from collections.abc import Iterable
from typing import Final, Protocol

# Fields that name a place: RFC 9110, sections 10.2.2 and 8.7, and HTML, "The Refresh header".
PLACES: Final = frozenset({b"location", b"content-location", b"refresh"})
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_REFRESH = re.compile(
    rb"([ \t]*[0-9.]*[ \t]*[;,]?[ \t]*(?:[Uu][Rr][Ll][ \t]*=[ \t]*)?[\"']?)(.*)", re.DOTALL
)
# Browsers read a second slash or backslash as the start of a host, and skip tabs.
_BEFORE_A_HOST = (b"/", b"\\", b"\t")
_PATH_ENDS = (b"", b"/", b"?", b"#")


class AppCookies(Protocol):
    """Knows which user the cookies belong to that an app sets in one response."""

    def from_app(self, raw: bytes) -> tuple[bytes, ...]:
        """The Set-Cookie values that the browser gets for one of the app's."""


class PublicPaths:
    """The places of one app, as its clients know them: `app` and what is below becomes `public`.

    Both are plain paths, without trailing slash; ``b""`` is the root.

    Attributes:
        names: Names of the fields that depend on the client's URL.
    """

    __slots__ = ("_app", "_moves", "_origins", "_public", "names")

    def __init__(
        self,
        *,
        app: bytes = b"",
        public: bytes = b"",
        origins: Iterable[str] = (),
        redirects: bool = True,
    ) -> None:
        """Turn `origins`, under which only the gateway knows the app, into the client's.

        They are like browsers' Origin.  Without `redirects`, only cookies are changed.
        """
        self._app = app
        self._public = public
        self._moves = app != public
        own = "|".join(map(_pattern, origins))
        self._origins = re.compile(f"(?:{own})([/?#].*)?".encode(), re.DOTALL) if own else None
        self.names = PLACES if redirects else frozenset[bytes]()

    def field(self, name: bytes, value: bytes, origin: bytes) -> bytes:
        """The value of Location, Content-Location or Refresh; `origin` is the client's."""
        value = value.strip(b" \t")
        if name != b"refresh":
            return self._url(value, origin)
        # HTML, "shared declarative refresh steps": seconds, then a URL that may be quoted.
        found = _REFRESH.fullmatch(value)
        return value if found is None else found[1] + self._url(found[2], origin)

    def cookie(self, value: bytes) -> bytes:
        """A Set-Cookie value whose Path is as clients know it."""
        if not self._moves:
            return value
        pair, *attributes = value.split(b";")
        # Browsers refuse such a cookie with another path than "/" (RFC 6265bis, section 4.1.3.2).
        if not attributes or pair.lstrip(b" \t")[:7].lower() == b"__host-":
            return value
        return b";".join([pair, *map(self._attribute, attributes)])

    def _url(self, url: bytes, origin: bytes) -> bytes:
        own = None if self._origins is None else self._origins.fullmatch(url)
        if own is not None:
            path: bytes = own[1] or b"/"
            return origin + self._path(path if path.startswith(b"/") else b"/" + path)
        if not self._moves:
            return url
        if url.startswith(origin) and url[len(origin) : len(origin) + 1] in _PATH_ENDS:
            return origin + self._path(url[len(origin) :])
        if url[:1] != b"/" or url[1:2] in _BEFORE_A_HOST:
            return url
        moved = self._path(url)
        # "/base//evil.example" is a path, but without its base it would be another host.
        return origin + moved if moved[1:2] in _BEFORE_A_HOST else moved

    def _path(self, path: bytes) -> bytes:
        """The public form of `path`, which may have a query; unchanged if it is not the app's."""
        if not _is_below(path, self._app):
            return path
        if not self._app and self._public and _is_below(path, self._public):
            return path  # The app knows its prefix, by X-Forwarded-Prefix or by configuration.
        moved = self._public + path[len(self._app) :]
        return moved if moved.startswith(b"/") else b"/" + moved

    def _attribute(self, attribute: bytes) -> bytes:
        name, _, value = attribute.partition(b"=")
        path = value.strip(b" \t")
        if name.strip(b" \t").lower() != b"path" or not path.startswith(b"/"):
            return attribute
        return b" Path=" + self._cookie_path(path)

    def _cookie_path(self, path: bytes) -> bytes:
        # A path above the app's covers all of the app (RFC 6265, section 5.1.4).
        if _is_below(self._app + b"/", path.rstrip(b"/")):
            return self._public or b"/"
        return self._path(path)


class CookiesOfPrefix:
    """An app's cookies in an answer at its prefix itself, such as ``/notes``; see AppCookies.

    The app sees ``/`` there, so a cookie without a path is meant for all of the app.  The browser's
    default for ``/notes`` is ``/`` (RFC 6265, section 5.1.4), which is also other apps'.
    """

    __slots__ = ("_path", "_then")

    def __init__(self, prefix: str, then: AppCookies | None) -> None:
        """Set the path `prefix` where there is none, before `then` reads the cookie."""
        self._path = b"; Path=" + prefix.encode()
        self._then = then

    def from_app(self, raw: bytes) -> tuple[bytes, ...]:
        """See AppCookies."""
        pair, *attributes = raw.split(b";")
        # RFC 6265, section 5.3, step 7: the last one counts.  Browsers refuse a __Host- cookie
        # without a path.
        given = [
            value.strip(b" \t").startswith(b"/")
            for name, _, value in (it.partition(b"=") for it in attributes)
            if name.strip(b" \t").lower() == b"path"
        ]
        if pair.lstrip(b" \t")[:7].lower() != b"__host-" and not (given and given[-1]):
            raw += self._path
        return (raw,) if self._then is None else self._then.from_app(raw)


def _is_below(path: bytes, stem: bytes) -> bool:
    return path.startswith(stem) and path[len(stem) : len(stem) + 1] in _PATH_ENDS


def _pattern(origin: str) -> str:
    """Matches every spelling of `origin` (RFC 3986, section 6.2.2.1 and 6.2.3)."""
    scheme, _, authority = origin.partition("://")
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = authority, _DEFAULT_PORTS[scheme]
    optional = "?" if port == _DEFAULT_PORTS[scheme] else ""
    return f"(?i:{scheme}://{re.escape(host)})(?::{port}){optional}"
