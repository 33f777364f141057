"""The order of all routes: those of the main file, and where those of included files come in.

A route of an included file says `before` or `after` which route it comes.  Without either it comes
after all routes of the main file, so that including a file overrides no rule by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gateway.settings.scalars import quote, unknown_message


@dataclass(frozen=True, slots=True)
class Placement:
    """What a route says about its place; None for what it does not say.

    Attributes:
        is_own: Whether it is in the main file, where the order of the list decides.
    """

    name: str | None
    before: str | None
    after: str | None
    is_own: bool

    @property
    def other(self) -> str | None:
        """The name of the route that it comes before or after."""
        return self.before if self.before is not None else self.after

    @property
    def word(self) -> str:
        """The setting that names another route; ``""`` if there is none."""
        return "before" if self.before is not None else "after" if self.after is not None else ""


# The number of a route, the setting that is wrong, and what is wrong with it.
Misplaced = tuple[int, str, str]


def order_of(routes: Sequence[Placement]) -> tuple[list[int], list[Misplaced]]:
    """The final order of `routes`, by their numbers, and what is wrong with it.

    `routes` begins with those of the main file.  Several before or after the same route keep their
    order; what comes before or after one of them goes along with it.
    """
    numbers = {route.name: number for number, route in reversed(list(enumerate(routes)))}
    wrong = list(_wrong(routes))
    unplaced = {number for number, _, _ in wrong}
    before: dict[int, list[int]] = {}
    after: dict[int, list[int]] = {}
    left: list[int] = []
    for number, route in enumerate(routes):
        if not route.word or number in unplaced:
            left.append(number)
        elif route.before is not None:
            before.setdefault(numbers[route.before], []).append(number)
        else:
            after.setdefault(numbers[route.after], []).append(number)
    order: list[int] = []
    # A stack instead of recursion, because a chain may be as long as the files.
    stack = [(number, False) for number in reversed(left)]
    while stack:
        number, is_ready = stack.pop()
        if is_ready:
            order.append(number)
            continue
        stack += ((it, False) for it in reversed(after.get(number, ())))
        stack.append((number, True))
        stack += ((it, False) for it in reversed(before.get(number, ())))
    circular = sorted(set(range(len(routes))) - set(order))
    if circular:
        wrong.append(_circle(routes, numbers, circular[0]))
    return [*order, *circular], wrong


def _wrong(routes: Sequence[Placement]) -> Iterator[Misplaced]:
    names = [route.name for route in routes if route.name is not None]
    known = set(names)
    for number, route in enumerate(routes):
        named = route.other
        if named is None:
            continue
        if route.is_own:
            message = "is for routes of included files: here, the order of the list decides"
            yield number, route.word, message
        elif route.before is not None and route.after is not None:
            yield number, "after", "before is also set: set only one of them"
        elif named not in known:
            yield number, route.word, unknown_message("route", named, names)


def _circle(routes: Sequence[Placement], numbers: dict[str | None, int], number: int) -> Misplaced:
    """The problem of the routes that are placed by each other, one of which `number` leads to."""
    trail: list[int] = []
    while number not in trail:
        trail.append(number)
        route = routes[number]
        number = numbers[route.other]
    circle = trail[trail.index(number) :]
    if len(circle) == 1:
        return number, routes[number].word, "names the route itself"
    names = ", ".join(quote(str(routes[it].name)) for it in circle)
    return number, routes[number].word, f"{names} are placed by each other: remove one of these"
