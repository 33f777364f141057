"""What is wrong with an expression, and where."""

from collections.abc import Collection


class ExpressionError(Exception):
    """The expression cannot be used.

    Attributes:
        problems: (offset, what is wrong) for each mistake.
    """

    def __init__(self, *problems: tuple[int, str]) -> None:
        super().__init__(problems)
        self.problems = problems


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The end of a message about an unknown `name`; empty if none of `known` is like it."""
    import difflib  # Only a wrong expression pays for it.

    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f' (did you mean "{near[0]}"?)' if near else ""
