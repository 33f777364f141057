"""Attacks by a path or host that the gateway would read otherwise than the app.

The same cases run at several numbers of routes, since a quick way for many could judge otherwise.
"""

from gateway.message.target import parse_target
from tests.attacks.conftest import Lab
from tests.dataplane.harness import RunningGateway

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SERVED = "app.test"

# What is sent -> the statuses that may come; 200 means that the app is asked.
QUERIES = {
    "/private?x=/public": {403},
    "/private?/public/": {403},
    "/private?x=/public/../public": {403},
    "/?/public/x": {403},
    "/public/x?y=/private": {200},
}
FRAGMENTS = {
    "/public/x%23/../../private": {400, 403},
    "/public/x%23/%2e%2e/%2E%2E/private": {400, 403},
    "/private%23/public/": {403},
    "/public/x#/../private": {400},
    "/public/x%23y": {200},
}
TRAVERSALS = {
    "/public/../admin": {400, 403},
    "/public/%2e%2e/admin": {400, 403},
    "/public/%2E%2E/admin": {400, 403},
    "/public/.%2e/admin": {400, 403},
    "/public/%2e%2e%2fadmin": {400, 403},
    "/public/%2e%2e%2Fadmin": {400, 403},
    "/public%2f..%2fadmin": {400, 403},
    "/public%2F..%2Fadmin": {400, 403},
    "/public/..%5cadmin": {400, 403},
    "/public/..%5Cadmin": {400, 403},
    "/public/..;/admin": {400, 403},
    "/public/%252e%252e/admin": {200, 400, 403},
    "//admin": {400, 403},
    "/./admin": {400, 403},
    "/admin;x": {400, 403},
    "/admin%2f": {400, 403},
    "/admin%2F": {400, 403},
    "/%61dmin": {403},
    "/%61%64%6d%69%6e/x": {403},
    "/admin/%78": {403},
    "/admin%00": {400, 403},
    "http://app.test/admin": {403},
    "/public/a%2db": {200},
}
# Letters are compared as they are, whether or not they are escaped: other rules are for others.
CASES = {
    "/Public/x": {403},
    "/PUBLIC/%78": {403},
    "/%50ublic/x": {403},
    "/public/%58": {200},
}
# And of an app that reads them in one case.
ONE_CASE = {
    "/Public/x": {200},
    "/PUBLIC/%78": {200},
    "/ADMIN": {403},
    "/%41dmin/x": {403},
    "/public/%2e%2e/ADMIN": {400, 403},
}
HOSTS = {
    SERVED: 200,
    "APP.test": 200,
    "App.TEST.": 200,
    "app.test.": 200,
    "app.test:80": 200,
    "APP.test.:80": 200,
    "admin.test": 403,
    "ADMIN.test": 403,
    "Admin.Test.": 403,
    "admin.test:80": 403,
    "ADMIN.TEST.:80": 403,
    "app.test:443": 200,
    "app.test:8080": 421,
    "x.app.test": 421,
    "app.test.evil.test": 421,
    "xapp.test": 421,
}


async def _start(lab: Lab, routes: int, **settings: str) -> tuple[RunningGateway, list[bytes]]:
    """A gateway of so many routes, each of most on a host of its own, and what its app sees."""
    own = [
        {"name": "whole-host", "host": "admin.test", "prefix": "/", "access": "denied"},
        {"name": "admin", "prefix": "/admin", "access": "denied"},
        {"name": "public", "host": SERVED, "regex": "/public/.*", "access": "public"},
        {"name": "rest", "prefix": "/", "access": "denied"},
    ]
    others = [
        {"name": f"r{n}", "host": f"h{n}.test", "prefix": f"/p{n}", "access": "public"}
        for n in range(routes - len(own))
    ]
    upstream = await lab.upstream(OK)
    half = len(others) // 2
    running = await lab.gateway(
        upstream.url, settings, routes=[*others[:half], *own[:-1], *others[half:], own[-1]]
    )
    return running, upstream.heads


async def _judged(lab: Lab, routes: int, paths: dict[str, set[int]], **settings: str) -> list[int]:
    """The statuses of `paths`, each of which has to be one that is allowed, and of all hosts."""
    running, heads = await _start(lab, routes, **settings)
    client = await running.client()
    statuses = []
    for target, allowed in paths.items():
        before = len(heads)
        answer = await client.ask(f"GET {target} HTTP/1.1\r\nHost: {SERVED}\r\n\r\n".encode())
        assert answer.status in allowed, (routes, target, answer.status)
        assert (len(heads) > before) is (answer.status == 200)
        statuses.append(answer.status)
        if answer.closes:
            client = await running.client()
    assert 200 in statuses
    return statuses + [await _judged_host(running, host) for host in HOSTS]


async def _judged_host(running: RunningGateway, host: str) -> int:
    answer = await running.ask(f"GET /public/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == HOSTS[host], host
    return answer.status


async def a_query_is_no_path(lab: Lab) -> None:
    """Send a query that looks like a path which a rule lets through."""
    await _judged(lab, 10, QUERIES)


async def a_fragment_is_none(lab: Lab) -> None:
    """Send `%23` and `#`, behind which some parsers see a fragment."""
    await _judged(lab, 10, FRAGMENTS)


async def no_spelling_of_a_path_is_let_through(lab: Lab) -> None:
    """Send dots, slashes and letters escaped and in either case."""
    await _judged(lab, 10, TRAVERSALS)


async def a_host_has_one_rule(lab: Lab) -> None:
    """Send a host in every spelling, and hosts that only look like it."""
    running, _ = await _start(lab, 10)
    for host in HOSTS:
        await _judged_host(running, host)


async def many_routes_judge_as_few(lab: Lab) -> None:
    """Send all of these at 10, 101 and 1,001 routes."""
    paths = {**QUERIES, **FRAGMENTS, **TRAVERSALS, **CASES}
    for cases, settings in ((paths, {}), (ONE_CASE, {"path_case": "ignore"})):
        judged = [await _judged(lab, routes, cases, **settings) for routes in (10, 101, 1001)]
        assert judged[0] == judged[1] == judged[2]


# What stands between a prefix and a path: nothing, and what may be cut, merged or resolved away.
_JOINTS = (
    "",
    "/",
    "/.",
    "/..",
    "/x/..",
    "%2f",
    "%2F..",
    "/%2e%2e",
    ";",
    ";x",
    "//evil.test",
    "\\",
    "/%5c..",
)
_PREFIXES = ("/notes", "/%6eotes", "/NOTES", "//notes", "/./notes", "/x/../notes", "/notes/notes")
# What a route strips and adds, the path of the upstream, and what the app's paths begin with.
_MOVES: tuple[tuple[dict[str, str], str, str], ...] = (
    ({"strip_prefix": "/notes"}, "", ""),
    ({"strip_prefix": "/notes", "add_prefix": "/x/y"}, "", "/x/y"),
    ({"add_prefix": "/x"}, "", "/x"),
    ({"strip_prefix": "/notes"}, "/base", "/base"),
)


async def stripping_makes_no_path_that_was_not_judged(lab: Lab) -> None:
    """Send every spelling behind a prefix; derive anew what the app gets from what was judged."""
    sent = [
        prefix + joint + path
        for prefix in _PREFIXES
        for joint in _JOINTS
        for path in ("", "/", "/public/x", "/admin", "/admin/x?/notes", *TRAVERSALS)
        if not path.startswith("http:")
    ]
    for moves, base, begins in _MOVES:
        upstream = await lab.upstream(OK)
        running = await lab.gateway(
            upstream.url + base,
            routes=[
                {"name": "admin", "prefix": ["/admin", "/notes/admin"], "access": "denied"},
                {"name": "notes", "prefix": "/notes", "access": "public", **moves},
            ],
            audit={"file": "/dev/null"},
        )
        client = await running.client()
        for target in sent:
            answer = await client.ask(f"GET {target} HTTP/1.1\r\nHost: {SERVED}\r\n\r\n".encode())
            if answer.closes:
                client = await running.client()
            if answer.status != 200:
                assert answer.status in {400, 403, 404}, target
                continue
            there = parse_target(upstream.heads[-1].split(b" ", 2)[1])
            judged = parse_target(target.encode())
            assert len(there.readings) == 1, target
            rest = judged.path.removeprefix(moves.get("strip_prefix", "")) or "/"
            assert there.path == begins + rest, target
            assert not rest.startswith("/admin"), target
        assert len(upstream.heads) > 10
