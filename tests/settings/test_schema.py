"""What single settings may look like, and what becomes of them."""

import ipaddress

import pytest
from pydantic import ValidationError

from gateway.oidc.profiles import PROFILES
from gateway.settings.access import ConditionSettings
from gateway.settings.addresses import (
    listen_text,
    parse_listen,
    parse_origin,
    parse_public_url,
    parse_served_host,
    parse_upstream_url,
    upstream_address,
)
from gateway.settings.coverage import shadowed_by
from gateway.settings.oauth2_profiles import OAUTH2_PROFILES
from gateway.settings.places import check_place
from gateway.settings.providers import Profile
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import parse_count, parse_duration, parse_flag, parse_size
from gateway.settings.schema import Settings
from gateway.settings.upstreams import UpstreamSettings


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("15m", 900), ("8h", 28800), ("7d", 604800), ("0", 0), ("0s", 0)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1", "s", "-1s", "1 s", "1S", "1w", "\u0661s", "1s\n", "1e3s", None, []]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match=r"duration|empty"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512", 512), ("16KiB", 16384), ("1MiB", 1048576), ("7B", 7)]
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "1KB", "1k", "010", "-1", "1.5MiB", "0x10", "1_000", True])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["010", "1_0", "1.0", "", "+1", "\u0661"])
def test_what_is_no_count(text):
    with pytest.raises(ValueError, match="whole number"):
        parse_count(text)


def test_flags():
    assert all(parse_flag(text) for text in ("true", "yes", "on", "True", True))
    assert not any(parse_flag(text) for text in ("false", "no", "off", "OFF", False))
    for text in ("1", "0", "y", "", "truth"):
        with pytest.raises(ValueError, match="must be true or false"):
            parse_flag(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://A.Example.com", "https://a.example.com"),
        ("https://a.example.com:443/", "https://a.example.com"),
        ("https://a.example.com.:8443", "https://a.example.com:8443"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[0:0::1]", "http://[::1]"),
    ],
)
def test_origins_take_the_form_a_browser_sends(text, origin):
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "https://", "https:///x", "https://a b", "https://a\n", "https://a:x", "https://a:65536",
        "https://[::1", "https://a?", "https://a#", "https://a@b", "//a", "a", "javascript:1",
        "https://a/%2e", "https://a\\b", "https://-a",
    ],
)  # fmt: skip
def test_what_is_no_origin(text):
    with pytest.raises(ValueError, match=r"must|valid|URL"):
        parse_origin(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("127.0.0.1:80", "127.0.0.1:80"),
        (":80", "0.0.0.0:80"),
        ("[::]:80", "[::]:80"),
        ("localhost:80", "localhost:80"),
        ("unix:/run/x.sock", "unix:/run/x.sock"),
        ("unix:/run/x.sock?mode=0660", "unix:/run/x.sock?mode=0660"),
        ("unix:/run/x.sock?mode=777", "unix:/run/x.sock?mode=0777"),
    ],
)
def test_addresses_to_listen_on(text, shown):
    address = parse_listen(text)

    assert listen_text(address) == shown
    assert parse_listen(shown) == address
    # Those who connect are told where, and no more.
    assert str(address) == shown.partition("?")[0]


@pytest.mark.parametrize(
    "text",
    [
        "80", "a", "a:", "a:0", "a:70000", "unix:", "unix:x", "::1:80", ":80?mode=0660",
        *[f"unix:/run/x.sock?{n}" for n in (
            "", "mode", "mode=", "mode=rw", "mode=0668", "mode=1660", "mode=00660", "mode=66",
            "mode=0060", "mode=0660&mode=0666", "owner=www", "mode=0660?mode=0666", "mode=0o660",
        )],
    ],
)  # fmt: skip
def test_what_is_no_address(text):
    with pytest.raises(ValueError, match=r"address|unix"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("url", "tls", "shown"),
    [
        ("http://a", False, "a:80"),
        ("https://a", True, "a:443"),
        ("https://[::1]:1/", True, "[::1]:1"),
        ("http://a/base/", False, "a:80"),
        ("https://a:1/base/x", True, "a:1"),
        ("unix:/x", False, "unix:/x"),
    ],
)
def test_an_upstream_says_where_to_connect(url, tls, shown):
    found, address = upstream_address(parse_upstream_url(url))
    assert (found, str(address)) == (tls, shown)


@pytest.mark.parametrize(
    ("url", "kept", "base"),
    [
        ("http://a", "http://a", ""),
        ("http://a/", "http://a", ""),
        ("http://A:80/base/", "http://a/base", "/base"),
        ("https://a:1/b/c.d~_-", "https://a:1/b/c.d~_-", "/b/c.d~_-"),
        ("unix:/run/x.sock", "unix:/run/x.sock", ""),
    ],
)
def test_an_upstream_may_have_a_path(url, kept, base):
    upstream = UpstreamSettings.model_validate({"url": url})
    assert (upstream.url, upstream.base) == (kept, base)


@pytest.mark.parametrize("path", ["//", "/a//b", "/./a", "/..", "/a/..", "/%61", "/a;b", "/a b"])
def test_a_path_that_servers_could_read_differently_is_not_put_before_others(path):
    with pytest.raises(ValueError, match=r"path|spaces"):
        parse_upstream_url(f"http://a{path}")


@pytest.mark.parametrize(
    "where", [{"prefix": "/a"}, {"path": ["/a", "/a/b"]}, {"regex": "/a/.*"}, {"prefix": "/a/b"}]
)
def test_a_prefix_that_all_paths_begin_with_may_be_stripped(where):
    route = {"name": "a", "access": "public", "strip_prefix": "/a", **where}
    assert list(check_place(RouteSettings.model_validate(route), ())) == []


def test_one_value_and_a_list_are_the_same():
    one = ConditionSettings.model_validate({"group": "a", "ip": "10.0.0.0/8", "header": {"X": "y"}})
    many = ConditionSettings.model_validate(
        {"group": ["a"], "ip": ["10.0.0.0/8"], "header": {"X": ["y"]}}
    )
    assert one == many
    assert one.ip == (ipaddress.ip_network("10.0.0.0/8"),)
    assert one.role is None


def test_values_never_change():
    upstream = UpstreamSettings.model_validate("http://a")
    with pytest.raises(ValidationError):
        upstream.url = "http://b"


def test_an_assertion_is_on_unless_turned_off():
    def assertion(value):
        data = {"url": "http://a", "identity": {"assertion": value}}
        return UpstreamSettings.model_validate(data).identity.assertion

    assert assertion({}).header == "Gatepost-Assertion"
    assert assertion("none") is None


def test_profiles_are_those_there_are():
    assert set(Profile.__args__) == {*PROFILES, *OAUTH2_PROFILES}


def route(name, **what):
    return RouteSettings.model_validate({"name": name, "access": "public", **what})


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ({"prefix": "/"}, {"path": "/x"}, True),
        ({"prefix": "/"}, {"regex": "/x.*"}, True),
        ({"prefix": "/a"}, {"prefix": "/a/b"}, True),
        ({"prefix": "/a"}, {"prefix": "/ab"}, False),
        ({"prefix": "/a"}, {"path": "/a"}, True),
        ({"prefix": "/a"}, {"regex": "/a/[0-9]+"}, True),
        ({"prefix": "/a"}, {"regex": "/a[0-9]+"}, False),
        ({"prefix": "/a"}, {"regex": "/a/?x"}, False),
        ({"prefix": "/a"}, {"regex": "/a/x|/b"}, False),
        ({"path": "/a"}, {"path": "/a"}, True),
        ({"path": "/a"}, {"prefix": "/a"}, False),
        ({"path": ["/a", "/b"]}, {"path": ["/b", "/a"]}, True),
        ({"path": ["/a"]}, {"path": ["/b", "/a"]}, False),
        ({"regex": "/[ab]"}, {"path": ["/a", "/b"]}, True),
        ({"regex": "/[ab]"}, {"prefix": "/a"}, False),
        ({"regex": "/.*"}, {"prefix": "/a"}, True),
        ({"regex": "/x+"}, {"regex": "/x+"}, True),
        ({"prefix": "/", "methods": "GET"}, {"path": "/x"}, False),
        ({"prefix": "/", "methods": ["GET", "PUT"]}, {"path": "/x", "methods": "get"}, True),
        ({"prefix": "/", "host": "a"}, {"path": "/x"}, False),
        ({"prefix": "/", "host": "a"}, {"path": "/x", "host": "A:443"}, True),
        ({"prefix": "/"}, {"path": "/x", "host": "a", "methods": "PUT"}, True),
    ],
)
def test_a_route_is_hidden_where_nothing_is_left_for_it(first, second, hidden):
    assert bool(shadowed_by(route("second", **second), [route("first", **first)])) == hidden


def test_several_routes_together_can_hide_one():
    earlier = [route("a", prefix="/a", methods="GET"), route("b", prefix="/a", methods="PUT")]
    hidden = route("c", path="/a/x", methods=["PUT", "GET"])

    assert [it.name for it in shadowed_by(hidden, earlier)] == ["b", "a"]


def test_names_are_filled_in():
    settings = Settings.model_validate(
        {
            "public_url": "https://a",
            "upstreams": {"x": {"url": "http://x", "identity": {"assertion": {"audience": "y"}}}},
            "routes": [
                {"name": "a", "path": "/a", "access": "denied"},
                {"name": "b", "prefix": "/", "access": "public"},
            ],
        }
    )
    assert [it.upstream for it in settings.routes] == [None, "x"]
    assert settings.upstreams["x"].identity.assertion.audience == "y"


@pytest.mark.parametrize(
    ("where", "urls", "problem"),
    [
        ({"prefix": "/"}, ["https://a/notes"], ""),
        ({"prefix": "/notes"}, ["https://a/notes"], ""),
        ({"prefix": "/notes/x"}, ["https://a/notes"], ""),
        ({"path": ["/x", "/notes"]}, ["https://a/notes"], ""),
        ({"regex": ".*/x"}, ["https://a/notes"], ""),
        ({"prefix": "/x"}, ["https://a/notes", "https://b"], ""),
        ({"prefix": "/x", "host": "b"}, ["https://a/notes"], ""),
        ({"prefix": "/x"}, ["https://a/notes"], "can never match"),
        ({"prefix": "/notesx"}, ["https://a/notes"], "can never match"),
        ({"prefix": "/notes", "host": "b"}, ["https://a/notes", "https://b/x"], "can never match"),
        ({"prefix": "/notes/_gatepost/x"}, ["https://a/notes"], "cannot be routed"),
    ],
)
def test_a_route_is_below_some_public_url(where, urls, problem):
    route = RouteSettings.model_validate({"name": "a", "access": "public", **where})
    found = [it.message for it in check_place(route, (), urls)]

    assert len(found) == bool(problem)
    assert all(problem in message for message in found)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://*.Apps.example.com/", "https://*.apps.example.com"),
        ("http://*.apps.example.com:80", "http://*.apps.example.com"),
        ("https://*.apps.example.com:8443/notes/", "https://*.apps.example.com:8443/notes"),
    ],
)
def test_a_public_url_may_have_a_star(url, kept):
    assert parse_public_url(url) == kept


@pytest.mark.parametrize(
    "host", ["*", "*.", "*.*.a", "a.*.b", "*a.b", "*.10.0.0.1", "*.[::1]", "**.a", "*.-a", "*.a/b"]
)
def test_a_star_stands_for_one_label_before_a_name(host):
    with pytest.raises(ValueError, match="host"):
        parse_served_host(host)
    with pytest.raises(ValueError, match=r"host|path"):
        parse_public_url(f"https://{host}/%")


def test_a_route_for_hosts_of_a_star_may_be_hidden_by_one():
    def route(name, *hosts):
        values = {"name": name, "prefix": "/", "access": "public", "host": list(hosts)}
        return RouteSettings.model_validate(values)

    star = route("star", "*.a.test")
    assert shadowed_by(route("one", "b.a.test"), [star]) == [star]
    assert shadowed_by(route("two", "b.a.test", "a.test"), [star]) == []
    assert shadowed_by(route("deep", "c.b.a.test"), [star]) == []
    assert shadowed_by(star, [route("one", "b.a.test")]) == []


def test_a_provider_makes_nobody_an_administrator_by_a_role():
    smallest = {
        "public_url": "https://a",
        "upstreams": {"x": {"url": "http://x"}},
        "providers": {"id": {"issuer": "https://id", "client_id": "a", "client_secret": "b"}},
    }

    (item,) = Settings.model_validate({**smallest, "auth_mode": "hybrid"}).admins

    assert (item.provider, item.role) == (("local",), ("gatepost-admin",))
    assert Settings.model_validate(smallest).admins == ()
