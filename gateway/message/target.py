"""Parses the request target (RFC 9112, section 3.2) once, for all stages.

Routing, policy and forwarding must mean the same resource: `Target.raw` is forwarded byte for byte,
and `Target.readings` lists every path that a server may read it as.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.bounded import remember
from gateway.errors import MalformedRequestError
from gateway.message.readings import all_readings

# Longer targets are mostly queries that do not repeat.
_REMEMBERED: Final = 1024
_MAX_REMEMBERED_BYTES: Final = 256

# RFC 3986, section 3.3: pchar without ";" and escapes, in segments that are not empty or dots.
_SEGMENT = rb"(?!\.{1,2}(?:[/?]|\Z))[A-Za-z0-9._~!$&'()*+,=:@-]+"
# Visible ASCII without "#": a fragment never belongs on the wire.
_PLAIN = re.compile(rb"/(?:" + _SEGMENT + rb"(?:/" + _SEGMENT + rb")*/?)?(?:\?[!\"$-~]*)?")
# Any other origin-form: no control character, space or fragment; raw bytes above ASCII are allowed.
_ORIGIN_FORM = re.compile(rb"/[!\"$->@-~\x80-\xff]*(?:\?[!\"$-~\x80-\xff]*)?")
# Parts of a path, decoded once, that servers read differently.
_UNSETTLED = re.compile(
    rb"[\x00-\x1f\x7f\\;?#]|//|/\.{1,2}(?:/|\Z)|%[0-9A-Fa-f]{2}|%[uU]|/ | /| \Z"
)
_ABSOLUTE_FORM = re.compile(
    rb"[Hh][Tt][Tt][Pp][Ss]?://"
    rb"((?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?)"
    rb"((?:[/?].*)?)",
    re.DOTALL,
)
_ANY_SCHEME = re.compile(rb"[Hh][Tt][Tt][Pp][Ss]?://.*", re.DOTALL)


@dataclass(slots=True, init=False, unsafe_hash=True)
class Target:
    """An origin-form target.  Never modified.

    Attributes:
        raw: Path and query as received; forwarded byte for byte.
        path: The path percent-decoded once; routes and policies compare this.
        query: The query as received, without ``?``; ``""`` if empty or absent.
        readings: Every path that a server may read it as, `path` first; a single one if all
            servers agree.
    """

    raw: bytes
    path: str
    query: str
    readings: tuple[str, ...]

    def __init__(self, raw: bytes, path: str, query: str, readings: tuple[str, ...]) -> None:
        self.raw = raw
        self.path = path
        self.query = query
        self.readings = readings

    @property
    def is_ambiguous(self) -> bool:
        """Whether two servers could read the path differently."""
        return len(self.readings) > 1


def parse_target(raw: bytes) -> Target:
    """Parse `raw`, the target of the request line.

    Raises:
        MalformedRequestError: `raw` is not origin-form.
        AmbiguousPathError: Its path has too many readings, or is too long to list them.
    """
    known = _KNOWN.get(raw)
    if known is not None:
        return known
    target = _parse_clean(raw)
    if target is None:
        return _parse_unclean(raw)
    # Only clean targets are cached, which keeps the cache within a megabyte whatever clients send.
    if len(raw) <= _MAX_REMEMBERED_BYTES:
        remember(_KNOWN, raw, target, _REMEMBERED)
    return target


_KNOWN: Final[dict[bytes, Target]] = {}


def _parse_clean(raw: bytes) -> Target | None:
    """`raw` as a target with one reading, or None if it needs a closer look."""
    if _PLAIN.fullmatch(raw) is not None:
        path, _, query = raw.decode("ascii").partition("?")
        return Target(raw, path, query, (path,))
    if not raw.isascii() or _ORIGIN_FORM.fullmatch(raw) is None:
        return None
    sent, _, query_bytes = raw.partition(b"?")
    decoded = unquote_to_bytes(sent)
    if _UNSETTLED.search(decoded) is not None or decoded.count(b"/") != sent.count(b"/"):
        return None
    try:
        path = decoded.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return Target(raw, path, query_bytes.decode("ascii"), (path,))


def _parse_unclean(raw: bytes) -> Target:
    path, _, query = raw.partition(b"?")
    if _ORIGIN_FORM.fullmatch(raw) is None:
        what = "a fragment" if b"#" in raw else "no path, or a character that is not allowed"
        raise MalformedRequestError(f"not an origin-form target: {what}")
    if _PLAIN.fullmatch(path) is not None:
        readings: tuple[str, ...] = (path.decode("ascii"),)
    else:
        readings = all_readings(path)
    return Target(raw, readings[0], query.decode("utf-8", "replace"), readings)


def split_absolute_form(raw: bytes) -> tuple[str, bytes] | None:
    """The authority (as sent) and the origin-form target of an http(s) absolute-form target.

    None if `raw` is in another form.  The caller compares the authority with the Host field
    (RFC 9112, section 3.2.2).

    Raises:
        MalformedRequestError: The authority is empty, has user information (RFC 9110,
            section 4.2.4), or a character that is not allowed in a host.
    """
    if _ANY_SCHEME.fullmatch(raw) is None:
        return None
    found = _ABSOLUTE_FORM.fullmatch(raw)
    if found is None:
        raise MalformedRequestError("invalid authority in the target")
    authority, rest = found[1], found[2]
    return authority.decode("ascii"), rest if rest.startswith(b"/") else b"/" + rest
