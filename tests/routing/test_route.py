import pytest

from gateway.routing.route import (
    RESERVED,
    compile_route,
    covers,
    default_route,
    is_preflight,
    is_reserved,
)
from tests.builders import make_request


@pytest.mark.parametrize(
    ("prefix", "path", "answer"),
    [
        ("/static", "/static", True),
        ("/static", "/static/", True),
        ("/static", "/static/x", True),
        ("/static", "/statics", False),
        ("/static", "/Static", False),
        ("/static", "/", False),
        ("/static/", "/static", True),
        ("/", "/", True),
        ("/", "/anything", True),
    ],
)
def test_a_prefix_covers_whole_segments(prefix, path, answer):
    assert covers(prefix, path) is answer


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/_gatepost", True),
        ("/_gatepost/", True),
        ("/_gatepost/login", True),
        ("/_gateposts", False),
        ("/_gatepos", False),
        ("/a/_gatepost", False),
        ("/_GATEPOST", False),
        ("/", False),
    ],
)
def test_what_is_the_gateway_s_own(path, answer):
    assert is_reserved(path) is answer


@pytest.mark.parametrize(
    ("method", "names", "answer"),
    [
        ("OPTIONS", [b"Origin", b"Access-Control-Request-Method"], True),
        ("OPTIONS", [b"origin", b"access-control-request-method"], True),
        ("OPTIONS", [b"Origin"], False),
        ("OPTIONS", [b"Access-Control-Request-Method"], False),
        ("GET", [b"Origin", b"Access-Control-Request-Method"], False),
        ("options", [b"Origin", b"Access-Control-Request-Method"], False),
    ],
)
def test_a_preflight_is_known_by_method_and_both_fields(method, names, answer):
    request = make_request(method=method, fields=[(name, b"GET") for name in names])

    assert is_preflight(request) is answer


@pytest.mark.parametrize(
    ("methods", "method", "answer"),
    [
        ([], "GET", True),
        ([], "PROPFIND", True),
        (["GET"], "GET", True),
        (["GET"], "HEAD", True),
        (["GET"], "get", False),
        (["GET"], "POST", False),
        (["POST"], "HEAD", False),
        (["HEAD"], "GET", False),
    ],
)
def test_head_goes_where_get_goes(make_route, methods, method, answer):
    given = {"methods": methods} if methods else {}
    route = compile_route(0, make_route("r", path="/", **given), None)

    assert route.takes(method) is answer


@pytest.mark.parametrize(("preflight", "answer"), [("pass", True), ("refuse", False)])
def test_a_route_that_passes_preflights_takes_those_for_its_methods(make_route, preflight, answer):
    settings = make_route("r", path="/", methods="POST", preflight=preflight)
    route = compile_route(0, settings, None)

    assert route.takes("OPTIONS", "POST") is answer
    assert not route.takes("OPTIONS", "DELETE")
    assert not route.takes("OPTIONS")


def test_a_route_keeps_what_was_configured(make_route):
    settings = make_route(
        "r", regex="/a.*", host="Api.Example.com", upstream="u", credentials="session",
        unauthenticated="reject", preflight="pass",
    )  # fmt: skip
    route = compile_route(3, settings, "other")

    assert (route.index, route.name, route.upstream) == (3, "r", "u")
    assert route.hosts == {"api.example.com"}
    assert route.regex is not None
    assert route.regex.pattern == "/a.*"
    assert route.credentials == ("session",)
    assert (route.unauthenticated, route.preflight) == ("reject", "pass")
    assert route.access == "signed_in"
    assert route.settings is settings


def test_a_route_without_upstream_goes_to_the_default(make_route):
    assert compile_route(0, make_route("r", path="/"), "app").upstream == "app"
    assert default_route("app").upstream == "app"
    assert default_route("app").access == "signed_in"


def test_the_reserved_route_lets_nobody_through():
    assert RESERVED.access == "denied"
    assert RESERVED.upstream is None
