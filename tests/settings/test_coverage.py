"""What earlier routes take of a later one is found by text as it is by trying each."""

import random

from gateway.settings.coverage import Taken, _atoms, _covers
from gateway.settings.routes import RouteSettings

PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/b"]
REGEXES = ["/.*", "/a/.*", "/a/b", "/a/[0-9]+", "/a/b.*", "/(a|b)", "/a/b/c+"]


def made_up(rng, number):
    form = rng.choice(["path", "prefix", "regex"])
    where = rng.choice(REGEXES) if form == "regex" else rng.sample(PATHS, rng.randint(1, 2))
    narrowed = {
        "host": rng.sample(["a.example", "b.example", "*.example"], rng.randint(1, 2)),
        "methods": rng.sample(["GET", "POST"], rng.randint(1, 2)),
    }
    more = {name: value for name, value in narrowed.items() if rng.random() < 0.3}
    return RouteSettings.model_validate(
        {"name": f"r{number}", form: where, "access": "public", **more}
    )


def taker(atom, earlier):
    return next((it for it in earlier for other in _atoms(it) if _covers(other, atom)), None)


def test_the_first_route_that_takes_a_path_is_found():
    rng, found = random.Random(3), 0
    for _ in range(300):
        *earlier, route = [made_up(rng, number) for number in range(6)]
        takers = {atom: taker(atom, earlier) for atom in _atoms(route)}
        taken = Taken(earlier)

        hiding = (
            []
            if None in takers.values()
            else list(dict.fromkeys(it.name for it in takers.values()))
        )
        assert [it.name for it in taken.hides(route)] == hiding
        by_text = {atom.text: it for atom, it in takers.items() if it is not None}
        assert {*taken.takes_of(route)} == {*by_text}
        found += bool(hiding)
    assert found > 30
