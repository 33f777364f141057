"""Texts of others in filters and in distinguished names: escaped, and read.  Pure."""

from collections.abc import Iterator

# RFC 4515, section 3: the characters that end a value or give it another meaning.
_IN_FILTERS = str.maketrans({it: f"\\{ord(it):02x}" for it in "\\*()\0"})
# RFC 4514, section 2.4; "=" needs no escape, and may have one.
_IN_DNS = str.maketrans({it: f"\\{ord(it):02x}" for it in '\\,+"<>;=#\0'})
_HEX = frozenset("0123456789abcdefABCDEF")

Rdn = tuple[str, str]


class BadDnError(ValueError):
    """The text is no distinguished name."""


def in_filter(value: str) -> str:
    """`value` as it stands for itself in a filter."""
    return value.translate(_IN_FILTERS)


def bytes_in_filter(value: bytes) -> str:
    """`value`, which may be binary, as it stands for itself in a filter."""
    return "".join(f"\\{it:02x}" for it in value)


def in_dn(value: str) -> str:
    """`value` as it stands for itself as the value of an attribute in a DN."""
    text = value.translate(_IN_DNS)
    # Blanks at either end would be cut off.
    inner = text.strip(" ")
    before, after = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    return "\\20" * before + inner + ("\\20" * after if inner else "")


def parse_dn(text: str) -> tuple[Rdn, ...]:
    """The type and the value of each part of a DN (RFC 4514, section 3), the first one first.

    Of a part with several values, the first is taken.

    Raises:
        BadDnError: It cannot be read.
    """
    return tuple(_ava(part) for part, is_first in _parts(text) if is_first)


def is_below(dn: tuple[Rdn, ...], base: tuple[Rdn, ...]) -> bool:
    """Whether `dn` is at or below `base`; case does not count."""
    return not base or _folded(dn[-len(base) :]) == _folded(base)


def _folded(dn: tuple[Rdn, ...]) -> tuple[Rdn, ...]:
    return tuple((kind.casefold(), value.casefold()) for kind, value in dn)


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The parts of a DN, each with whether it begins a new level."""
    begins, position, is_first, is_quoted = 0, 0, True, False
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif character == '"':
            is_quoted = not is_quoted
        elif character in ",;+" and not is_quoted:
            yield text[begins:position], is_first
            begins, is_first = position + 1, character != "+"
        position += 1
    yield text[begins:], is_first


def _ava(part: str) -> Rdn:
    kind, equals, value = part.partition("=")
    kind, value = kind.strip(), value.lstrip(" ")
    if not equals or not kind or value.startswith(("#", '"')):
        # "#" begins hexadecimal BER, and quotes are of RFC 2253: neither names a group.
        raise BadDnError(f"{part[:80]!r} in a DN cannot be read")
    return kind, _unescaped(value)


def _unescaped(value: str) -> str:
    found, position, end = bytearray(), 0, len(value)
    kept = 0  # Blanks at the end count only if they are escaped.
    while position < end:
        character = value[position]
        pair = value[position + 1 : position + 3]
        if character != "\\":
            found += character.encode()
            position += 1
            kept = kept if character == " " else len(found)
            continue
        if len(pair) == len("2C") and _HEX.issuperset(pair):
            found.append(int(pair, 16))
            position += 3
        elif pair:
            found += pair[0].encode()
            position += 2
        else:
            raise BadDnError("a DN ends with a backslash")
        kept = len(found)
    try:
        return found[:kept].decode()
    except UnicodeDecodeError as error:
        raise BadDnError("a DN is not UTF-8") from error
