"""Checks where to send a browser after sign-in: a path on the same host, and nothing else."""

import re
from urllib.parse import quote, unquote

# Links of Kibana and Grafana contain their whole state and exceed 2,048 characters.
MAX_RETURN_TO_CHARS = 4000

# The WHATWG URL parser drops tabs and line ends anywhere, trims controls and spaces at both ends,
# and reads "\" as "/".  No honest path contains any of these, so all are refused, not imitated.
# Characters above ASCII may appear in path and query only.
_ACCEPTED = re.compile(r"/(?!/)[^\x00-\x20\x7f-\xa0\\]*")
_PATH_END = re.compile(r"[?#]")
# Visible ASCII; quote() never escapes letters, digits and "_.-~".
_KEPT = "!\"#$%&'()*+,/:;<=>?@[]^`{|}"


def safe_return_to(value: str, home: str = "/") -> str:
    """`value` if a browser would resolve it to a path on the same host, else `home`.

    The path must have no empty and no dot segments, escaped dots included (WHATWG URL reads ``%2e``
    as a dot); query and fragment may contain anything visible.  The result is ASCII, ready for
    Location.
    """
    if len(value) > MAX_RETURN_TO_CHARS or _ACCEPTED.fullmatch(value) is None:
        return home
    segments = _PATH_END.split(value, maxsplit=1)[0].split("/")
    if "" in segments[1:-1] or any(unquote(segment) in (".", "..") for segment in segments):
        return home
    try:
        location = value if value.isascii() else quote(value, safe=_KEPT)
    except UnicodeEncodeError:  # A lone surrogate is not a character.
        return home
    return location if len(location) <= MAX_RETURN_TO_CHARS else home
