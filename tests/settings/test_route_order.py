"""Where the routes of included files come in."""

import pytest

from gateway.settings.route_order import Placement, order_of


def routes(own, *included):
    """`own` is the names of the main file; each of `included` is as ``"a"`` or ``"a before b"``."""
    found = [Placement(name, None, None, is_own=True) for name in own.split()]
    for text in included:
        name, _, rest = text.partition(" ")
        word, _, other = rest.partition(" ")
        found.append(
            Placement(
                name,
                other if word == "before" else None,
                other if word == "after" else None,
                is_own=False,
            )
        )
    return found


@pytest.mark.parametrize(
    ("own", "included", "expected"),
    [
        ("a b", [], "a b"),
        ("", ["x", "y"], "x y"),
        ("a b", ["x", "y"], "a b x y"),
        ("a b", ["x before b", "y before b"], "a x y b"),
        ("a b", ["x after a", "y after a"], "a x y b"),
        ("a b", ["x after a", "y before b"], "a x y b"),
        ("a b", ["x before a", "y after b", "z"], "x a b y z"),
        # What is placed by an included route goes along with it, wherever that stands.
        ("a b", ["x before y", "y before b"], "a x y b"),
        ("a b", ["x before b", "y after x", "z after a"], "a z x y b"),
        ("a b", ["x after a", "y after x", "z after a"], "a x y z b"),
        ("a b", ["x", "y before x", "z after x"], "a b y x z"),
    ],
)
def test_the_order(own, included, expected):
    given = routes(own, *included)
    order, wrong = order_of(given)

    assert " ".join(given[number].name for number in order) == expected
    assert wrong == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            [Placement("a", "b", None, is_own=True), Placement("b", None, None, is_own=True)],
            [
                (
                    0,
                    "before",
                    "is for routes of included files: here, the order of the list decides",
                )
            ],
        ),
        (
            routes("assets", "x before asset"),
            [(1, "before", 'unknown route "asset" (did you mean "assets"?)')],
        ),
        (
            [Placement("a", None, None, is_own=True), Placement("x", "a", "a", is_own=False)],
            [(1, "after", "before is also set: set only one of them")],
        ),
        (routes("a", "x after x"), [(1, "after", "names the route itself")]),
        (
            routes("a", "x after y", "y before z", "z after x", "w before x"),
            [(1, "after", '"x", "y", "z" are placed by each other: remove one of these')],
        ),
    ],
)
def test_what_has_no_place_is_said_once_and_comes_last(given, expected):
    order, wrong = order_of(given)

    assert wrong == expected
    assert sorted(order) == list(range(len(given)))


def test_a_route_without_a_name_keeps_its_place():
    given = [
        Placement(None, None, None, is_own=True),
        Placement("b", None, None, is_own=True),
        Placement(None, "b", None, is_own=False),
    ]

    assert order_of(given) == ([0, 2, 1], [])


def test_a_long_chain_is_placed():
    given = routes("r0", *(f"r{n} after r{n - 1}" for n in range(1, 5000)))

    assert order_of(given) == (list(range(5000)), [])
