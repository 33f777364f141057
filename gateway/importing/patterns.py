"""Translates a regular expression of Go that may match anywhere into one for the whole path.

An expression that Python would read differently, or slowly, is not translated: the requests it
stood for then need what all others need.
"""

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"(?:/(?:[A-Za-z0-9_~-]|\\?[.]|\\-)+)+/?|/")
# Written alike and meant differently, or unknown to one of the two.
_FOREIGN = re.compile(
    r"\[\[:|\\[pPQEzZACxX]|\\[1-9]|\(\?(?![imsx:P-]|<[A-Za-z_])|\(\?P=|\(\?\(|\(\?#"
)
_CLASS = re.compile(r"\\[dDwWsSbB]")
_FLAGS = re.compile(r"\(\?([ims]+)\)")
# Go's engine needs linear time for these, Python's exponential.
_SLOW = re.compile(r"[*+}]\??\)+(?:[*+]|\{[0-9]*,)|\|[^()]*\)(?:[*+]|\{[0-9]*,)")
_ANYTHING = re.compile(r"\.[*+]")
_MOST_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Pattern:
    """Where a route matches.

    Attributes:
        kind: ``path``, ``prefix`` or ``regex``.
        anywhere: Whether it also matches in the middle of a path.
    """

    kind: str
    text: str
    anywhere: bool


def translate(regex: str, *, inverted: bool = False) -> Pattern | str:
    """`regex` for the whole path, or why it cannot be translated.

    `inverted` stands for all paths in which `regex` matches nowhere.
    """
    problem = _problem(regex)
    if problem:
        return problem
    flags, inner = "", regex
    while (found := _FLAGS.match(inner)) is not None:
        flags, inner = flags + found[1], inner[found.end() :]
    if _CLASS.search(inner):
        flags += "a"  # In Go, these classes are ASCII.
    inner = _without_open_ends(inner)
    if not inner and not inverted:
        return Pattern("prefix", "/", anywhere=False)
    anywhere = not _is_anchored(inner)
    if anywhere and _ANYTHING.search(inner):
        return "matches anywhere and is open inside: begin it with ^, or Python would be slow"
    if not flags and not inverted and (plain := _plain(inner)) is not None:
        return plain
    grouped = f"(?{''.join(dict.fromkeys(flags))}:{inner})" if flags else f"(?:{inner})"
    if inverted:
        text = f"(?!.*{grouped}).*"
    elif anywhere or flags:
        text = f".*{grouped}.*"
    else:
        text = _open_ended(inner)
    if not text:
        return "matches no path"
    return _unreadable(text) or Pattern("regex", text, anywhere or inverted)


def _problem(regex: str) -> str:
    if not regex:
        return "is empty"
    if len(regex) > _MOST_CHARS:
        return "is too long"
    if _FOREIGN.search(regex):
        return "has syntax that Python reads differently"
    if _SLOW.search(regex):
        return "repeats what is repeated, so that a client could keep the gateway busy"
    return _unreadable(regex)


def _unreadable(regex: str) -> str:
    try:
        re.compile(regex)
    except (re.error, RecursionError, OverflowError) as error:
        return f"Python does not read it as Go does: {error}"
    return ""


def _is_anchored(regex: str) -> bool:
    before, left = "", regex
    while before != left:
        before, left = left, re.sub(r"\([^()]*\)", "", left)
    return regex.startswith("^") and "|" not in left


def _without_open_ends(regex: str) -> str:
    """`regex` without ``.*`` at its ends, which means nothing where it may match anywhere."""
    if "|" in regex:
        return regex
    regex = re.sub(r"^\^?(?:\.\*\??)+", "", regex)
    return re.sub(r"(?<!\\)(?:\.\*\??)+\$?$", "", regex)


def _ends(regex: str) -> bool:
    return re.search(r"(?<!\\)(?:\\\\)*\$$", regex) is not None


def _plain(regex: str) -> Pattern | None:
    """The literal path or prefix that `regex` stands for, if it is that simple."""
    if not regex.startswith("^"):
        return None
    inner, ends = regex[1:], _ends(regex)
    inner = inner[:-1] if ends else inner
    if _PLAIN.fullmatch(inner) is None:
        return None
    text = inner.replace("\\", "")
    if "." in inner.replace("\\.", "") or {".", ".."} & set(text.split("/")):
        return None  # An unescaped dot stands for any character.
    if ends:
        return Pattern("path", text, anywhere=False)
    return None if text != "/" else Pattern("prefix", "/", anywhere=False)


def _open_ended(regex: str) -> str:
    """An anchored `regex` without its anchors, open at the end unless it was closed."""
    inner = regex[1:]
    if _ends(regex):
        return inner[:-1]
    return inner if inner.endswith(".*") else inner + ".*"
