"""Lists every way in which servers may read one path.

If the gateway decides on one reading and the app acts on another, rules can be evaded: Ory
Oathkeeper matched the raw path and forwarded the cleaned one (GHSA-p224-6x5r-fjpm), and Tomcat
reads ``/public/..;/admin`` as ``/admin``.  The path is forwarded byte for byte and never cleaned.
Instead, all readings are listed, and routing serves a request only if all of them lead to one
route.
"""

import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote_to_bytes

from gateway.errors import AmbiguousPathError

# An honest path has a handful of readings; each one beyond that is work an attacker chose.
MAX_READINGS = 64
# No honest path this long (bytes) is full of escapes; the limit keeps the work under 10 ms.
MAX_UNCLEAN_BYTES = 1024

_Step = Callable[[bytes], bytes]

_ESCAPED_SEPARATOR = re.compile(rb"(%(?:2[Ff]|5[Cc]))")
_WIDE_ESCAPE = re.compile(rb"%[uU]([0-9A-Fa-f]{4})")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PARAMETERS = re.compile(rb";[^/]*")
_SLASHES = re.compile(rb"/{2,}")
_SLASH_OR_BACKSLASH = (b"/", b"\\")
_AUTHORITY_END = re.compile(rb"[/\\]")
_QUERY_OR_FRAGMENT = re.compile(rb"[?#]")
# RFC 3629, section 3: C0 and C1 never start a sequence, and 80..9F never follows E0.  Old decoders
# accept both, so that C0 AF is "/" and C0 AE is ".".
_OVERLONG = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]")


def all_readings(path: bytes) -> tuple[str, ...]:
    """Every reading of `path` (without query); the first is the path percent-decoded once.

    Raises:
        AmbiguousPathError: There are more than `MAX_READINGS`, or the path is too long to list
            them.
    """
    if len(path) > MAX_UNCLEAN_BYTES:
        raise AmbiguousPathError(f"unclean path of {len(path)} bytes")
    # Node reads raw bytes as latin-1, and escapes as UTF-8.
    starts = (path,) if path.isascii() else (path, path.decode("latin-1").encode())
    raw_forms = _closure(starts, _STEPS_ON_RAW)
    decoded = [unquote_to_bytes(form) for form in raw_forms]
    decoded += [_decode_less_separators(form) for form in raw_forms]
    forms = _closure(decoded, _STEPS)
    texts = [form.decode("utf-8", "replace") for form in forms]
    # Many servers pass bytes that are not UTF-8 to the app as latin-1.
    texts += [form.decode("latin-1") for form in forms if not _is_utf8(form)]
    return tuple(dict.fromkeys(texts))


def _closure(starts: Iterable[bytes], steps: tuple[_Step, ...]) -> list[bytes]:
    """`starts` and everything that any number of `steps`, in any order, makes of them."""
    seen = dict.fromkeys(starts)
    queue = list(seen)
    for form in queue:
        for step in steps:
            following = step(form)
            if following in seen:
                continue
            if len(seen) >= MAX_READINGS:
                raise AmbiguousPathError(f"more than {MAX_READINGS} readings")
            seen[following] = None
            queue.append(following)
    return queue


def _is_utf8(form: bytes) -> bool:
    try:
        form.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode_less_separators(path: bytes) -> bytes:
    """`path` decoded, except ``%2F`` and ``%5C`` (Apache's AllowEncodedSlashes NoDecode)."""
    parts = _ESCAPED_SEPARATOR.split(path)
    return b"".join(part if i % 2 else unquote_to_bytes(part) for i, part in enumerate(parts))


def _decode_again(form: bytes) -> bytes:
    return unquote_to_bytes(form) if b"%" in form else form


def _decode_wide(form: bytes) -> bytes:
    """``%u002e`` as IIS reads it."""
    if b"%u" not in form and b"%U" not in form:
        return form
    return _WIDE_ESCAPE.sub(lambda m: chr(int(m[1], 16)).encode("utf-8", "replace"), form)


def _decode_overlong(form: bytes) -> bytes:
    return form if form.isascii() else _OVERLONG.sub(_overlong_character, form)


def _overlong_character(found: re.Match[bytes]) -> bytes:
    sequence = found[0]
    if len(sequence) == 2:  # noqa: PLR2004 - two bytes or three, as the pattern says
        return bytes(((sequence[0] & 0x01) << 6 | sequence[1] & 0x3F,))
    return chr((sequence[1] & 0x3F) << 6 | sequence[2] & 0x3F).encode()


def _drop_undecodable(form: bytes) -> bytes:
    return form if form.isascii() else form.decode("utf-8", "ignore").encode()


def _read_backslash_as_slash(form: bytes) -> bytes:
    return form.replace(b"\\", b"/")


def _cut_parameters(form: bytes) -> bytes:
    """Tomcat and Jetty cut ``;params`` from each segment first."""
    return _PARAMETERS.sub(b"", form) if b";" in form else form


def _cut_from_parameters(form: bytes) -> bytes:
    """Servers with session ids in URLs (``;jsessionid=``) cut from the first semicolon on."""
    return form.partition(b";")[0]


def _merge_slashes(form: bytes) -> bytes:
    return _SLASHES.sub(b"/", form) if b"//" in form else form


def _drop_authority(form: bytes) -> bytes:
    """``//host/path`` read as a network-path reference (RFC 3986, section 4.2)."""
    if not form.startswith(b"//"):
        return form
    return b"/" + form[2:].partition(b"/")[2]


def _drop_authority_behind_any_slashes(form: bytes) -> bytes:
    r"""``///host/path`` and ``/\host/path`` as ``new URL(request.url, base)`` reads them in Node.

    WHATWG URL, "special authority ignore slashes state": a run of two or more slashes and
    backslashes is skipped, and what precedes the next one is the authority.
    """
    if form[1:2] not in _SLASH_OR_BACKSLASH:
        return form
    rest = _AUTHORITY_END.split(form.lstrip(b"/\\"), maxsplit=1)
    return b"/" + rest[1] if len(rest) > 1 else b"/"


def _resolve_dots(form: bytes) -> bytes:
    """Remove dot segments (RFC 3986, section 5.2.4)."""
    if b"/." not in form:
        return form
    kept: list[bytes] = []
    segments = form.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)


def _cut_at_nul(form: bytes) -> bytes:
    return form.partition(b"\0")[0]


def _cut_at_query_or_fragment(form: bytes) -> bytes:
    """Cut at ``%3F`` and ``%23`` that were decoded too early (oauth2-proxy's skip rules)."""
    return _QUERY_OR_FRAGMENT.split(form, maxsplit=1)[0]


def _strip_controls(form: bytes) -> bytes:
    """The WHATWG URL parser drops tabs and line ends; others drop every control character."""
    return _CONTROL.sub(b"", form)


def _trim_spaces(form: bytes) -> bytes:
    """Windows ignores spaces around a name, and most URL parsers ignore them at the end."""
    if b" " not in form:
        return form
    return b"/".join([segment.strip(b" ") for segment in form.split(b"/")])


# Steps that servers take before decoding.  Tomcat cuts parameters there, so "%3B" is data to it.
_STEPS_ON_RAW: tuple[_Step, ...] = (
    _read_backslash_as_slash,
    _cut_parameters,
    _cut_from_parameters,
    _merge_slashes,
    _drop_authority,
    _drop_authority_behind_any_slashes,
    _resolve_dots,
)
_STEPS: tuple[_Step, ...] = (
    *_STEPS_ON_RAW,
    _decode_again,
    _decode_wide,
    _decode_overlong,
    _drop_undecodable,
    _cut_at_nul,
    _cut_at_query_or_fragment,
    _strip_controls,
    _trim_spaces,
)
