"""Texts that people read on a page, marked in code and translated where a page is made."""

from collections.abc import Mapping


class Phrase(str):
    """An English text that pages translate; for all else it is a plain string.

    Attributes:
        pattern: The text with its placeholders, which is how the catalogues know it.
        values: What the placeholders stand for; a tuple stands for several sentences.
    """

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        """The text itself, so that `str(error)` is still a Phrase."""
        return self


def phrase(pattern: str, /, **values: object) -> Phrase:
    """`pattern`, in which ``%(name)s`` stands for the value of that name.

    `make languages` finds the texts by the calls of this function, so `pattern` is a literal.
    """
    english = {name: _joined(value) for name, value in values.items()}
    marked = Phrase(pattern % english if english else pattern)
    marked.pattern, marked.values = pattern, values
    return marked


def _joined(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
