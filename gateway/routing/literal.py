"""The literal prefix of a regex, so that the table does not try the regex on every path."""

import re

# One literal character, escaped or not; nothing that has a special meaning in `re`.
_LITERAL = re.compile(r"[A-Za-z0-9_~!@%&=:,;'\"<>/-]|\\[^A-Za-z0-9]")
_QUANTIFIERS = ("*", "+", "?", "{")


def literal_stem(pattern: str) -> str:
    """The whole leading segments that every path matching `pattern` starts with; ``""`` if none.

    ``/api/v[0-9]+/x`` gives ``/api``.  May be shorter than possible: an alternation or anything
    unusual gives ``""``, which is correct for every pattern.
    """
    if "|" in pattern:
        return ""
    text, position = "", 0
    while (found := _LITERAL.match(pattern, position)) is not None:
        position = found.end()
        if pattern.startswith(_QUANTIFIERS, position):
            break
        text += found[0][-1]
    else:
        if position == len(pattern):
            return text
    return text.rpartition("/")[0]
