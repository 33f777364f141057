import posixpath
import re
from itertools import product
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AmbiguousPathError, MalformedRequestError
from gateway.routing.route import RESERVED, covers
from gateway.routing.table import RouteTable, build_table
from gateway.settings.routes import RouteSettings
from tests.builders import make_request

LISTS = Path(__file__).parents[2].parent / "shared" / "data" / "lists"
PREFLIGHT = [(b"Origin", b"https://a.example"), (b"Access-Control-Request-Method", b"POST")]


def route(name: str, **given: object) -> RouteSettings:
    return RouteSettings.model_validate({"name": name, "access": "signed_in", **given})


def table(*routes: RouteSettings) -> RouteTable:
    return build_table(routes, "app")


SITE = table(
    route("assets", prefix=["/static", "/favicon.ico"]),
    route("token", path=["/oauth/token", "/.well-known/x"]),
    route("keys", prefix="/api/keys", methods=["POST", "DELETE"]),
    route("reports", regex="/api/v[0-9]+/reports/.*", host="api.example.com"),
    route("styles", regex=r".*\.css"),
    route("port", prefix="/p", host="api.example.com:8443"),
    route("api", prefix="/api"),
    route("static-again", prefix="/static/deep"),
    route("home", path="/"),
)


@pytest.mark.parametrize(
    ("host", "method", "path", "name"),
    [
        ("h", "GET", "/static", "assets"),
        ("h", "GET", "/static/", "assets"),
        ("h", "GET", "/static/deep/x", "assets"),  # the first in the file, not the longest
        ("h", "GET", "/statics", None),
        ("h", "GET", "/favicon.ico", "assets"),
        ("h", "GET", "/oauth/token", "token"),
        ("h", "GET", "/oauth/token/", None),
        ("h", "GET", "/oauth/Token", None),
        ("h", "POST", "/api/keys", "keys"),
        ("h", "DELETE", "/api/keys/7", "keys"),
        ("h", "GET", "/api/keys/7", "api"),
        ("api.example.com", "GET", "/api/v2/reports/1", "reports"),
        ("api.example.com:444", "GET", "/api/v2/reports/1", "reports"),
        ("h", "GET", "/api/v2/reports/1", "api"),
        ("api.example.com", "GET", "/api/v2/reports", "api"),
        ("api.example.com", "GET", "/api/v2/reports/a\nb", "api"),  # "." is no line end
        ("api.example.com", "GET", "/x/api/v2/reports/1", None),
        ("h", "GET", "/a/b/c.css", "styles"),
        ("h", "GET", "/a/b/c.css/d", None),
        ("h", "GET", "/api/c.css", "styles"),
        ("api.example.com:8443", "GET", "/p/x", "port"),
        ("api.example.com", "GET", "/p/x", None),
        ("[2001:db8::1]:80", "GET", "/", "home"),
        ("[2001:db8::1]", "GET", "/", "home"),
        ("h", "GET", "/", "home"),
        ("h", "GET", "//", None),
        ("h", "GET", "/_gatepost/whoami", "gatepost"),
    ],
)
def test_the_first_route_in_the_file_that_covers_it(host, method, path, name):
    found = SITE.match(host, method, path)

    assert (found.name if found else None) == name


IGNORING = build_table(
    [
        route("admin", prefix="/Admin"),
        route("exact", path="/login", upstream="other"),
        route("reports", regex="/Api/v[0-9]+/Reports"),
        route("all", prefix="/"),
    ],
    "app",
    {"app"},
)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/admin", "admin"),
        ("/ADMIN/x", "admin"),
        ("/aDmIn/X", "admin"),
        ("/administrator", "all"),
        ("/login", "exact"),
        ("/api/V2/reports", "reports"),
        ("/API/V2/REPORTS", "reports"),
        ("/x", "all"),
    ],
)
def test_where_an_app_ignores_case_so_do_its_routes(path, name):
    found = IGNORING.match("h", "GET", path)

    assert found.name == name
    assert found is IGNORING.routes[found.index]


MIXED = build_table(
    [
        route("guard", prefix="/admin", access="denied"),
        route("api", regex="/Api/v[0-9]+/.*"),
        route("web", prefix="/", upstream="web", access="public"),
        route("far", prefix="/far"),
    ],
    "api",
    {"web"},
)


@pytest.mark.parametrize("path", ["/ADMIN", "/Admin/x", "/api/v1/x", "/API/v1/x"])
def test_what_an_app_ignores_counts_for_the_guards_of_every_app(path):
    with pytest.raises(AmbiguousPathError):
        MIXED.match("h", "GET", path)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/admin/X", "guard"), ("/Api/v1/x", "api"), ("/Administrator", "web"), ("/FAR", "web")],
)
def test_what_is_spelt_as_it_is_in_the_file_has_its_route(path, name):
    assert MIXED.match("h", "GET", path).name == name


def test_where_folding_beyond_ascii_would_lead_elsewhere_the_path_is_refused():
    """Windows and Unicode take U+017F for "s" and U+212A for "k"; Express does not."""
    ignoring = build_table([route("s", prefix="/secret"), route("all", prefix="/")], "app", {"app"})

    assert ignoring.match("h", "GET", "/SECRET").name == "s"
    assert ignoring.match("h", "GET", "/\u00c4").name == "all"
    with pytest.raises(AmbiguousPathError):
        ignoring.match("h", "GET", "/\u017fecret")


def test_without_routes_everything_needs_a_signed_in_user():
    found = build_table([], "app").match("h", "PUT", "/any/thing")

    assert found is not None
    assert (found.name, found.access, found.upstream) == ("everything", "signed_in", "app")


def test_the_table_knows_its_routes_and_hosts():
    assert [found.index for found in SITE.routes] == list(range(9))
    assert SITE.hosts == {"api.example.com", "api.example.com:8443"}


def test_a_configured_route_cannot_take_the_reserved_prefix():
    everything = table(route("all", regex=".*", access="public"))

    assert everything.match("h", "GET", "/_gatepost/login/x") is RESERVED
    assert everything.match("h", "GET", "/_gateposts").name == "all"


def test_a_preflight_finds_the_route_it_asks_for():
    routes = (route("post", path="/a", methods="POST", preflight="pass"), route("all", prefix="/"))
    request = make_request(b"/a", method="OPTIONS", fields=PREFLIGHT)
    plain = make_request(b"/a", method="OPTIONS")

    assert table(*routes).match_readings(request).name == "post"
    assert table(*routes).match_readings(plain).name == "all"


def test_a_preflight_does_not_get_past_an_earlier_route():
    found = table(
        route("none", path="/a", methods="OPTIONS", access="denied"),
        route("post", path="/a", methods="POST", preflight="pass"),
    ).match_readings(make_request(b"/a", method="OPTIONS", fields=PREFLIGHT))

    assert found.name == "none"


GUARDED = table(
    route("admin", prefix="/admin", access="denied"),
    route("files", prefix="/files"),
    route("public", prefix="/public", access="public"),
)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"/admin", "admin"),
        (b"/%61dmin", "admin"),
        (b"/admin//x", "admin"),
        (b"/admin/%2e/x", "admin"),
        (b"/files/a%2Fb", "files"),
        (b"/files/x;v=1", "files"),
        (b"/files/%ff", "files"),
        (b"/public/caf%C3%A9", "public"),
        (b"/nowhere//x;y", None),
        (b"/_gatepost//x", "gatepost"),
    ],
)
def test_a_path_whose_readings_agree_is_served(target, name):
    found = GUARDED.match_readings(make_request(target))

    assert (found.name if found else None) == name


@pytest.mark.parametrize(
    "target",
    [
        b"/public/../admin", b"/public/..;/admin", b"/public/%2e%2e/admin", b"/public/..%2fadmin",
        b"/public/..%5cadmin", b"//admin", b"/x//../admin", b"/admin;x", b"/admin%2fx",
        b"/nowhere/../admin", b"/nowhere/..;/public", b"/admin%00", b"/admin%23x", b"/admin%3fx",
        b"/public/%252e%252e/admin", b"/public/../_gatepost/x", b"/_gatepost/../admin",
        b"/_gatepost;x", b"//_gatepost/x", b"/public%2f..%2fadmin",
        b"//x/admin", b"///x/admin", b"/////x/admin", b"/\\/x/admin", b"/\\x/admin",
        b"/\\\\x/admin", b"/\\x\\admin", b"///x:80/admin", b"///u:p@x/admin", b"/%2f/x/admin",
        b"/%5cx/admin", b"///x/admin?y", b"///x/_gatepost", b"/./\\x/admin",
    ],
)  # fmt: skip
def test_a_path_whose_readings_disagree_is_refused(target):
    with pytest.raises(AmbiguousPathError):
        GUARDED.match_readings(make_request(target))


def _nginx(path: str) -> str:
    return posixpath.normpath(re.sub("/{2,}", "/", unquote(path, "latin-1")))


def _tomcat(path: str) -> str:
    return posixpath.normpath(re.sub("/{2,}", "/", unquote(re.sub(";[^/]*", "", path), "latin-1")))


def _iis(path: str) -> str:
    return _nginx(unquote(path, "latin-1").replace("\\", "/"))


def _twice(path: str) -> str:
    return _tomcat(unquote(path, "latin-1"))


def _c_string(path: str) -> str:
    return _nginx(unquote(path, "latin-1").partition("\0")[0])


def _node(path: str) -> str:
    """What `new URL(path, base).pathname` is (WHATWG URL), decoded."""
    if path[:2] in ("//", "/\\"):
        path = "/" + re.sub(r"[/\\]*[^/\\]*", "", path, count=1)[1:]
    return _dots_of(path.replace("\\", "/"))


def _dots_of(path: str) -> str:
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        plain = segment.replace("%2e", ".")
        if plain == "..":
            del kept[-1:]
        elif plain != ".":
            kept.append(segment)
    return unquote("/" + "/".join(kept), "latin-1")


SERVERS = [unquote, _nginx, _tomcat, _iis, _twice, _c_string, _node]


def _walked_around(target: bytes) -> str | None:
    """What a server reads where it serves /admin and the gateway let another route pass."""
    try:
        found = GUARDED.match_readings(make_request(target))
    except (AmbiguousPathError, MalformedRequestError):
        return None
    path = target.decode("latin-1").partition("?")[0]
    for server in SERVERS:
        read = server(path)
        if covers("/admin", read) and (found is None or found.name != "admin"):
            return f"{server.__name__}: {read}"
    return None


TRICKS = [
    "/", "//", ".", "..", "..;", ";", ";x=y", "%2e", "%2F", "%5c", "\\", "%252e", "%252f", "%25",
    "///x", "%3b", "%00", "%09", "%20", "%23", "%3f", "%ff", "?", "admin", "public", "x", "%61dmin",
]  # fmt: skip


@given(st.lists(st.sampled_from(TRICKS), min_size=1, max_size=9).map("".join))
def test_no_spelling_of_a_guarded_path_escapes_its_route(rest):
    assert _walked_around(("/" + rest).encode()) is None


@pytest.mark.skipif(not LISTS.exists(), reason="the lists of path tricks are not in this checkout")
def test_no_published_trick_escapes_its_route():
    middles = (LISTS / "nomore403_midpaths.txt").read_text("latin-1").splitlines()
    ends = (LISTS / "nomore403_endpaths.txt").read_text("latin-1").splitlines()
    targets = [f"/admin{end}" for end in ends]
    for start, middle in product(("/", "/public/", "/x/"), middles):
        targets += [f"{start}{middle}admin", f"{start}{middle}/admin", f"{start}admin{middle}"]

    escaped = {t: _walked_around(t.encode("latin-1")) for t in targets}
    assert len(escaped) > 500
    assert {t: read for t, read in escaped.items() if read is not None} == {}


def _slowly(routes, host: str, method: str, path: str) -> str | None:
    """The same by the definition: one route after the other."""
    for candidate in routes:
        hosts = candidate.host
        if hosts and host not in hosts and host.partition(":")[0] not in hosts:
            continue
        if candidate.methods and method not in candidate.methods:
            continue
        if (
            path in candidate.path
            or any(covers(prefix, path) for prefix in candidate.prefix)
            or (candidate.regex is not None and re.fullmatch(candidate.regex, path))
        ):
            return candidate.name
    return None


PATHS = ["/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/a/b/c/d"]
PATTERNS = [{"path": p} for p in PATHS] + [{"prefix": p} for p in PATHS]
PATTERNS += [{"regex": r} for r in ("/a/.*", "/a/b/[a-z]", ".*b", "/a|/b", "/(?:a|ab)", "/a/b")]
PATTERNS += [{"prefix": ["/a/b", "/b"]}, {"path": ["/ab", "/"]}]
HOSTS = [{}, {"host": "x"}, {"host": ["y:8443", "x"]}, {"host": "y"}]
METHODS = [{}, {"methods": ["POST"]}, {"methods": ["POST", "PUT"]}]


@given(
    st.lists(st.tuples(*map(st.sampled_from, (PATTERNS, HOSTS, METHODS))), min_size=1, max_size=8),
    st.sampled_from(["x", "y", "z", "y:8443", "x:1"]),
    st.sampled_from(["GET", "POST", "PUT"]),
    st.sampled_from([*PATHS, "/a/", "/a/b/x/", "/c", "//", "/a//b"]),
)
def test_the_index_finds_what_trying_each_route_would(parts, host, method, path):
    routes = [route(f"r{i}", **p, **h, **m) for i, (p, h, m) in enumerate(parts)]
    found = table(*routes).match(host, method, path)

    assert (found.name if found else None) == _slowly(routes, host, method, path)


@pytest.mark.parametrize("path", ["/n/500", "/s500/x", "/r500/7/x", "/else/where", "/"])
def test_the_work_of_a_match_does_not_grow_with_the_routes(path):
    # What a match looks at, counted in the index itself: its time is nothing to assert.
    def candidates(count: int) -> int:
        kinds = [{"path": "/n/{}"}, {"prefix": "/s{}"}, {"regex": "/r{}/[0-9]/.*"}]
        routes = [
            route(f"{n}-{k}", **{key: text.format(n) for key, text in kind.items()})
            for n in range(count)
            for k, kind in enumerate(kinds)
        ]
        built = table(*routes, route("all", prefix="/"))
        return sum(len(b) for scope in built._exact.scopes("h") for b in scope.buckets(path))

    assert candidates(1000) <= candidates(501) <= 3
