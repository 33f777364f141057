"""How a route was found is told by the look-up that finds it."""

import random

import pytest

from gateway.errors import AmbiguousPathError
from gateway.routing.route import RESERVED
from gateway.routing.table import build_table
from gateway.routing.trial import try_routes
from tests.builders import make_request

PREFLIGHT = [(b"Origin", b"https://a.example"), (b"Access-Control-Request-Method", b"POST")]


@pytest.fixture
def site(make_route):
    return build_table(
        [
            make_route("assets", prefix="/static"),
            make_route("api", path="/api", methods=["POST"], host="api.example.com"),
            make_route("write", prefix="/notes", methods=["POST"], preflight="pass"),
            make_route("reports", regex="/reports/[0-9]+"),
            make_route("admin", prefix="/admin", host=["a.example.com", "b.example.com"]),
            make_route("gatepost", prefix="/gatepost"),
            make_route("rest", prefix="/", methods=["GET"]),
        ],
        "app",
    )


def told(site, request):
    return [(it.route.name, it.why_not or it.covers) for it in try_routes(site, request)]


def test_each_route_is_told_up_to_the_one_that_covers_the_request(site):
    assert told(site, make_request(b"/reports/7")) == [
        ("assets", "does not match /reports/7"),
        ("api", "is for api.example.com, not notes.example.com"),
        ("write", "does not match /reports/7"),
        ("reports", ("/reports/7",)),
    ]


@pytest.mark.parametrize(
    ("target", "asked", "name", "why_not"),
    [
        (b"/admin", {}, "admin", "is for a.example.com, b.example.com, not notes.example.com"),
        (b"/api", {"host": "api.example.com"}, "api", "is for POST"),
        (b"/apis", {"host": "api.example.com", "method": "POST"}, "api", "does not match /apis"),
        (b"/notes", {"method": "OPTIONS"}, "write", "is for POST"),
        (b"/x", {"method": "POST"}, "rest", "is for GET, HEAD"),
    ],
)
def test_what_a_route_is_not_for_is_said(site, target, asked, name, why_not):
    assert (name, why_not) in told(site, make_request(target, **asked))


def test_a_preflight_is_for_the_route_of_what_it_asks_for(site):
    request = make_request(b"/notes", method="OPTIONS", fields=PREFLIGHT)

    assert told(site, request)[-1] == ("write", ("/notes",))


def test_the_gateways_own_prefix_is_before_every_route(site):
    (trial,) = try_routes(site, make_request(b"/_gatepost/whoami"))

    assert trial.route is RESERVED
    assert try_routes(site, make_request(b"/gatepost"))[-1].route is not RESERVED


def test_each_reading_is_told_where_it_lands(site):
    landed = {it.route.name: it.covers for it in try_routes(site, make_request(b"/static/../x"))}

    assert landed["assets"] == ("/static/../x",)
    assert landed["rest"] == ("/x",)


def test_what_is_told_is_what_is_found(site):
    rng = random.Random(1)
    parts = [b"static", b"api", b"notes", b"reports", b"7", b"admin", b"..", b"%2e%2e", b"", b"x"]
    hosts = ["notes.example.com", "api.example.com", "b.example.com", "b.example.com:8443"]
    found = set()
    for _ in range(2000):
        target = b"/" + b"/".join(rng.choices(parts, k=rng.randint(1, 4)))
        request = make_request(
            target,
            method=rng.choice(["GET", "HEAD", "POST", "OPTIONS"]),
            host=rng.choice(hosts),
            fields=rng.choice([(), PREFLIGHT]),
        )
        landed = [it for it in try_routes(site, request) if it.covers]
        try:
            route = site.match_readings(request)
        except AmbiguousPathError:
            missing = set(request.target.readings).difference(*(it.covers for it in landed))
            assert len(landed) + bool(missing) > 1
            found.add("ambiguous")
        else:
            assert [it.route for it in landed] == ([] if route is None else [route])
            found.add(None if route is None else route.name)

    assert found == {"ambiguous", None, "assets", "api", "write", "reports", "admin", "rest"}
