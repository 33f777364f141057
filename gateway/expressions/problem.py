"""What is wrong with an expression, and where."""


class ExpressionError(Exception):
    """The expression cannot be used.

    Attributes:
        problems: (offset, what is wrong) for each mistake.
    """

    def __init__(self, *problems: tuple[int, str]) -> None:
        super().__init__(problems)
        self.problems = problems
