"""What a reload says about the routes it changed."""

import random

import pytest

from gateway.settings.route_changes import route_changes
from gateway.settings.routes import RouteSettings


def route(name, **more):
    path = {} if "path" in more else {"prefix": f"/{name}"}
    return RouteSettings.model_validate({"name": name, "access": "public", **path, **more})


def routes(names):
    return [route(name) for name in names.split()]


def test_nothing_is_said_where_nothing_changed():
    assert not route_changes(routes("a b"), routes("a b"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a b", "a x b y", "added x, y"),
        ("a b c", "b", "removed a, c"),
        ("a b c", "c a b", "moved c (first)"),
        ("a b c", "b c a", "moved a (after c)"),
        ("a b c d", "a x c b d", "added x; moved c (after x)"),
        ("a b", "c d", "added c, d; removed a, b"),
        ("", "a", "added a"),
    ],
)
def test_the_line_names_routes_and_as_few_moves_as_possible(old, new, said):
    assert str(route_changes(routes(old), routes(new))) == said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"prefix": "/x"}, {"path": "/x"}, "changed a (path, prefix)"),
        ({"access": "public"}, {"access": "denied"}, "changed a (access)"),
        ({"access": "denied"}, {"access": {"allow": {"user": "u"}}}, "changed a (access)"),
        (
            {"access": {"allow": {"user": "u"}, "deny": {"user": "v"}}},
            {"access": {"allow": {"user": "w"}, "deny": {"user": "v"}}},
            "changed a (access.allow)",
        ),
        ({"methods": "GET"}, {"methods": ["GET", "PUT"]}, "changed a (methods)"),
        # Where an included route is placed shows in the order.
        ({"before": "b"}, {"after": "c"}, ""),
    ],
)
def test_the_line_names_the_settings_that_differ(old, new, said):
    assert str(route_changes([route("a", **old)], [route("a", **new)])) == said


def test_programs_get_all_of_it():
    old = [route("a"), route("b"), route("c"), route("d")]
    new = [route("d"), route("a"), route("b", methods="GET"), route("x")]

    assert route_changes(old, new).as_json() == {
        "added": ["x"],
        "removed": ["c"],
        "changed": {"b": ["methods"]},
        "moved": {"d": None},
    }


def test_a_long_line_is_cut():
    old, new = routes("a"), routes("a " + " ".join(f"r{n}" for n in range(500)))
    changes = route_changes(old, new)

    assert str(changes).startswith("added r0, r1, ")
    assert str(changes).endswith(", r19, and 480 more")
    assert len(changes.as_json()["added"]) == 500


def test_moving_what_is_named_gives_the_new_order():
    """Checked with shuffled routes: whoever is not named as moved kept their order."""
    names = [f"r{n}" for n in range(50)]
    for seed in range(50):
        shuffled = random.Random(seed).sample(names, len(names))
        moved = route_changes(routes(" ".join(names)), routes(" ".join(shuffled))).moved

        stayed = [name for name in shuffled if name not in moved]
        assert stayed == [name for name in names if name in stayed]
        for name, other in moved.items():
            assert (["", *shuffled])[shuffled.index(name)] == other
