"""Where to send a browser back to after sign-in: a path on the same host, and nothing else."""

import re
from urllib.parse import quote, unquote

# Links of Kibana and Grafana, which hold all that is shown, are longer than 2,048 characters.
MAX_RETURN_TO_CHARS = 4000

# The WHATWG URL parser drops tabs and line ends anywhere, trims controls and spaces at both ends,
# and reads "\" as "/".  None of these has a place in a path we were asked for, so all are refused
# rather than imitated.  Characters above ASCII are for the path and query only.
_ACCEPTED = re.compile(r"/(?!/)[^\x00-\x20\x7f-\xa0\\]*")
_PATH_END = re.compile(r"[?#]")
# Visible ASCII; quote() keeps letters, digits and "_.-~" by itself.
_KEPT = "!\"#$%&'()*+,/:;<=>?@[]^`{|}"


def safe_return_to(value: str) -> str:
    """`value` if a browser would resolve it to a path on the same host, else ``/``.

    The path has no empty and no dot segments, escaped dots included (WHATWG URL reads ``%2e`` as a
    dot); query and fragment may hold anything visible.  The result is ASCII, ready for Location.
    """
    if len(value) > MAX_RETURN_TO_CHARS or _ACCEPTED.fullmatch(value) is None:
        return "/"
    segments = _PATH_END.split(value, maxsplit=1)[0].split("/")
    if "" in segments[1:-1] or any(unquote(segment) in (".", "..") for segment in segments):
        return "/"
    try:
        location = value if value.isascii() else quote(value, safe=_KEPT)
    except UnicodeEncodeError:  # A lone surrogate is no character.
        return "/"
    return location if len(location) <= MAX_RETURN_TO_CHARS else "/"
