"""Makes one colour readable on light and on dark pages (WCAG 2.2, success criterion 1.4.3)."""

from dataclasses import dataclass

# Of text and its background.
_READABLE = 4.5
# What links are written on; see style.css.
_LIGHT_CARD, _DARK_CARD = "#fffefb", "#1e2127"
_BLACK, _WHITE = "#0d1a24", "#ffffff"
_STEP = 0.05
# WCAG 2.2, relative luminance: below this, sRGB is linear.
_LINEAR = 0.04045

_Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Shades:
    """The colours of one theme.

    Attributes:
        act: Of buttons and links.
        over: Of a button under the pointer.
        ink: Of the text on a button.
    """

    act: str
    over: str
    ink: str


def light_shades(colour: str) -> Shades:
    """`colour` for light pages, no lighter than can be read."""
    return _shades(_readable(colour, _LIGHT_CARD, "#000000"), "#000000")


def dark_shades(colour: str) -> Shades:
    """`colour` for dark pages, no darker than can be read."""
    return _shades(_readable(colour, _DARK_CARD, _WHITE), _WHITE)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _shades(act: str, towards: str) -> Shades:
    ink = max((_BLACK, _WHITE), key=lambda it: contrast(act, it))
    return Shades(act, _mixed(act, towards, 0.2), ink)


def _readable(colour: str, background: str, towards: str) -> str:
    share = 0.0
    mixed = colour
    while contrast(mixed, background) < _READABLE:
        share += _STEP
        mixed = _mixed(colour, towards, share)
    return mixed


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(255 * (a + (b - a) * share)):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (
        it / 12.92 if it <= _LINEAR else ((it + 0.055) / 1.055) ** 2.4 for it in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> _Rgb:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue
