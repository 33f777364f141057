"""Which language a visitor reads (RFC 9110, section 12.5.4; RFC 4647, section 3.4).  Pure."""

import re
from collections.abc import Sequence

_RANGE = re.compile(
    r"[ \t]*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)"
    r"[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)
# Browsers send about five.  More, from whoever sends a field of 64 KB, are not read.
_MAX_RANGES = 20
_MAX_CHARS = 100


def look_up(fields: Sequence[bytes], offered: Sequence[str]) -> str | None:
    """The best of the `offered` languages for these Accept-Language values; None if none fits.

    ``de-AT`` finds ``de``.  Malformed ranges and ``*`` count as absent.
    """
    known = {tag.lower(): tag for tag in offered}
    for tag in _wanted(fields):
        subtags = tag.lower().split("-")
        while subtags:
            found = known.get("-".join(subtags))
            if found is not None:
                return found
            subtags.pop()
            # "zh-x" would be a tag that has lost what "x" introduces (RFC 4647, section 3.4).
            if subtags and len(subtags[-1]) == 1:
                subtags.pop()
    return None


def _wanted(fields: Sequence[bytes]) -> list[str]:
    """The language ranges, best first; of the same quality in the order sent."""
    found = []
    for part in b",".join(fields).split(b",", _MAX_RANGES)[:_MAX_RANGES]:
        read = _RANGE.fullmatch(part.decode("latin-1")) if len(part) <= _MAX_CHARS else None
        if read is not None and (quality := float(read[2] or 1)):
            found.append((quality, read[1]))
    # Sorting is stable.
    return [tag for _, tag in sorted(found, key=lambda it: -it[0])]
