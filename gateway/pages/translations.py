"""The texts of the pages in other languages, from gettext catalogues beside this module.

The source is English, and its texts are the keys.  `make languages` writes the catalogues.
"""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from gateway.wording import Phrase

FOLDER = Path(__file__).parent / "languages"
SOURCE = "en"
# Of the primary subtag (Unicode CLDR, characterOrder).
_RIGHT_TO_LEFT = frozenset({"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of `language`, a tag of `LANGUAGES`.

    Raises:
        OSError: There is none.
    """
    if language == SOURCE:
        return NullTranslations()
    with (FOLDER / language / "LC_MESSAGES" / "gatepost.mo").open("rb") as opened:
        return GNUTranslations(opened)


def translated(text: str, language: str) -> str:
    """`text` in `language` if it is a Phrase; anything else may be a person's own words."""
    if not isinstance(text, Phrase):
        return text
    pattern = translations(language).gettext(text.pattern)
    if not text.values:
        return pattern
    return pattern % {name: _in(language, value) for name, value in text.values.items()}


def _in(language: str, value: object) -> object:
    if isinstance(value, tuple):
        return " ".join(translated(it, language) for it in value)
    return translated(value, language) if isinstance(value, str) else value


def direction(language: str) -> str:
    """``rtl`` or ``ltr``, as HTML's `dir` says it."""
    return "rtl" if language.partition("-")[0] in _RIGHT_TO_LEFT else "ltr"
