"""Turns paths that an app names in its responses into those that clients know.  Pure.

An app below ``/base`` of its server answers with ``Location: /base/login`` and
``Set-Cookie: a=1; Path=/base``, while clients know these places as ``/login`` and ``/``.
"""

import re

_REFRESH = re.compile(
    rb"([ \t]*[0-9.]*[ \t]*[;,]?[ \t]*(?:[Uu][Rr][Ll][ \t]*=[ \t]*)?[\"']?)(.*)", re.DOTALL
)
# Browsers read a second slash or backslash as the start of a host, and skip tabs.
_BEFORE_A_HOST = (b"/", b"\\", b"\t")
_PATH_ENDS = (b"", b"/", b"?", b"#")


class PublicPaths:
    """The paths of one app, as its clients know them: `app` and what is below becomes `public`.

    Both are plain, without trailing slash; ``b""`` is the root.
    """

    __slots__ = ("_app", "_public")

    def __init__(self, *, app: bytes = b"", public: bytes = b"") -> None:
        self._app = app
        self._public = public

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
        pair, *attributes = value.split(b";")
        # Browsers refuse such a cookie with another path than "/" (RFC 6265bis, section 4.1.3.2).
        if not attributes or pair.lstrip(b" \t")[:7].lower() == b"__host-":
            return value
        return b";".join([pair, *map(self._attribute, attributes)])

    def _url(self, url: bytes, origin: bytes) -> bytes:
        if url.startswith(origin) and url[len(origin) : len(origin) + 1] in _PATH_ENDS:
            return origin + self._path(url[len(origin) :])
        if url[:1] != b"/" or url[1:2] in _BEFORE_A_HOST:
            return url
        path = self._path(url)
        # "/base//evil.example" is a path, but without its base it would be another host.
        return origin + path if path[1:2] in _BEFORE_A_HOST else path

    def _path(self, path: bytes) -> bytes:
        """The public form of `path`, which may have a query; unchanged if it is not the app's."""
        if not _is_below(path, self._app):
            return path
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


def _is_below(path: bytes, stem: bytes) -> bool:
    return path.startswith(stem) and path[len(stem) : len(stem) + 1] in _PATH_ENDS
