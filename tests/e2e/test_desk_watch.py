"""Administrators see what the gateway does and why, of all workers, by page and by call."""

import json
import subprocess
from urllib.parse import quote

import pytest
import requests

from tests.e2e.at_desk import MARKUP, Person, add_people, by_key, settings
from tests.e2e.browsing import PAGE, SAME
from tests.fixtures.accounts import GATEPOST, ROOT
from tests.fixtures.gateway import clean_environment, gateways
from tests.fixtures.processes import wait_until
from tests.fixtures.threaded import EchoApp, serving

SHARED = "shared-secret-of-a-proxy"
ROUTES = [
    {
        "name": "board",
        "prefix": "/board",
        "methods": ["GET"],
        "access": {
            "allow": [{"group": "board"}, "owners"],
            "deny": [{"header": {"X-Proxy": SHARED}}],
        },
    },
    {"name": "strict", "prefix": "/wiki", "access": {"allow": {"group": "staff"}}}
    | {"enforce": False},
    {"name": "old", "path": "/old", "access": "public", "deprecated": {"since": "2020-01-01"}},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]
SECTIONS = ["overview", "routes", "refusals", "explain", "shadows", "configuration"]
CALLS = ["health", "routes", "refusals", "shadows", "configuration"]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with two workers, where ann is the administrator and bob is not."""
    with gateways(tmp_path_factory.mktemp("watch")) as start, serving(EchoApp) as app:
        started = start(
            settings(
                server={"workers": 2},
                upstreams={"app": app, "gone": "http://127.0.0.1:9"},
                routes=[
                    {"name": "dead", "path": "/dead", "access": "public", "upstream": "gone"},
                    *({**it, "upstream": "app"} for it in ROUTES),
                ],
                conditions={"owners": [{"user": "nobody-yet"}]},
            )
        )
        add_people(started, "ann", "bob")
        yield started


@pytest.fixture(scope="module")
def ann(gateway):
    return Person(gateway, "ann")


@pytest.fixture(scope="module")
def bob(gateway):
    return Person(gateway, "bob")


def fresh(person, path, **headers):
    """A request over a connection of its own, which any worker may get."""
    cookies = "; ".join(f"{it.name}={it.value}" for it in person.cookies)
    fields = {"Connection": "close", "Cookie": cookies, "Accept": "application/json", **headers}
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"{person.url}{path}", headers=fields, allow_redirects=False)


def told(person, what):
    """What a call says, by any worker."""
    answer = fresh(person, f"/_gatepost/api/admin/{what}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def route(person, name):
    (found,) = [it for it in told(person, "routes")["routes"] if it["name"] == name]
    return found


DEEP = json.loads('{"a":' * 600 + "1" + "}" * 600)


def test_routes_are_told_in_order_with_what_they_cover_and_who_may_pass(ann):
    found = told(ann, "routes")["routes"]

    assert [it["name"] for it in found] == ["dead", "board", "strict", "old", "rest"]
    board = found[1]
    assert (board["prefixes"], board["methods"], board["upstream"]) == (["/board"], ["GET"], "app")
    assert board["access"] == {"allow": ["group: board", "owners"], "deny": ["header X-Proxy"]}
    assert [it["access"] for it in found[3:]] == ["public", "signed_in"]
    assert [it["enforced"] for it in found] == [True, True, False, True, True]
    assert found[3]["deprecated"] == {"since": "2020-01-01", "sunset": None}


def test_requests_to_all_workers_are_counted_whichever_is_asked(gateway, ann, bob):
    before = route(ann, "board")["requests"]
    for _ in range(20):
        assert fresh(bob, "/board/x").status_code == 403

    wait_until(
        lambda: route(ann, "board")["requests"] == before + 20, gateway.process, "the counts"
    )
    counts = {json.dumps(route(ann, "board")["refusals"]) for _ in range(8)}
    pids = {it["pid"] for it in told(ann, "health")["workers"]["processes"]}
    page = ann.desk("/routes").text

    assert counts == {json.dumps({"group-missing": before + 20})}
    assert len(pids) == 2
    assert f"<code>group-missing</code> {before + 20}" in page
    assert SHARED not in page
    assert "not enforced" in page
    assert "deprecated since 2020-01-01" in page


def test_the_last_refusals_come_newest_first_and_without_the_query(gateway, ann, bob):
    for number in range(12):
        assert fresh(bob, f"/board/r{number}?token=of-the-query").status_code == 403

    def found():
        return told(ann, "refusals?route=board&user=bob&limit=12")["items"]

    wait_until(
        lambda: [it["path"] for it in found()] == [f"/board/r{it}" for it in range(11, -1, -1)],
        gateway.process,
        "the refusals",
    )
    every = told(ann, "refusals?limit=1000")
    times = [it["time"] for it in every["items"]]

    assert every["whole"] is True
    assert times == sorted(times, reverse=True)
    assert "of-the-query" not in json.dumps(every)
    one = found()[0]
    assert {name: one[name] for name in ("method", "route", "reason", "user", "ip", "status")} == {
        "method": "GET",
        "route": "board",
        "reason": "group-missing",
        "user": "bob",
        "ip": "127.0.0.1",
        "status": 403,
    }
    assert told(ann, "refusals?user=nobody")["items"] == []
    assert len(told(ann, "refusals?limit=3")["items"]) == 3
    for limit in ("0", "1001", "x", "-1", "1.5", "9" * 40):
        assert fresh(ann, f"/_gatepost/api/admin/refusals?limit={limit}").status_code == 400


def test_a_refusal_leads_to_each_condition_and_whether_it_was_met(gateway, ann, bob):
    refused = fresh(bob, "/board/why", **PAGE)
    request_id = refused.text.partition("<dt>Request id</dt><dd>")[2].partition("<")[0]
    request_id = request_id or refused.headers.get("X-Request-Id", "")
    request_id = request_id or json.loads(fresh(bob, "/board/why").text)["request_id"]
    wait_until(
        lambda: "Nothing was found" not in ann.desk("/explain", request_id=request_id).text,
        gateway.process,
        "the explanation",
    )
    listed = ann.desk("/refusals", user="bob").text
    page = ann.desk("/explain", request_id=f" {request_id} ")

    assert f'href="/_gatepost/admin/explain?request_id={request_id}"' in listed
    assert page.status_code == 200
    assert "Refused." in page.text
    assert "group: board" in page.text
    assert "not met" in page.text
    assert "would pass with group: board" in page.text
    assert "Nothing was found" in ann.desk("/explain", request_id="another").text


def asked(person, **form):
    """The page after its form."""
    return person.post(
        f"{person.url}/_gatepost/admin/explain", data=form, headers=SAME, allow_redirects=False
    )


def test_no_explanation_has_what_a_field_is_compared_with(gateway, ann, bob):
    answer = bob.get(f"{gateway.base_url}/board/of-the-proxy")
    assert answer.status_code == 403
    query = {"request_id": answer.headers["X-Request-Id"]}
    wait_until(
        lambda: ann.call("GET", "explain", **query).status_code == 200, gateway.process, "it"
    )
    of_one = ann.call("GET", "explain", **query).text
    made_up = ann.call("POST", "explain", {"method": "GET", "path": "/board/1", "user": "x"}).text

    for text in (of_one, made_up, ann.desk("/explain", **query).text):
        assert "header X-Proxy" in text
        assert SHARED not in text


def test_markup_in_a_path_and_in_a_form_is_text(gateway, ann, bob):
    path = quote(f"/board/{MARKUP}")
    assert fresh(bob, path).status_code == 403
    wait_until(
        lambda: any(MARKUP in it["path"] for it in told(ann, "refusals?user=bob")["items"]),
        gateway.process,
        "the refusal",
    )
    pages = [
        ann.desk("/refusals", user=MARKUP, route=MARKUP).text,
        ann.desk("/refusals").text,
        ann.desk("/overview").text,
        ann.desk("/explain", request_id=MARKUP).text,
        asked(ann, method="GET", path=path, user=MARKUP, groups=MARKUP).text,
        asked(ann, method=MARKUP, path=MARKUP, claims=MARKUP, headers=MARKUP).text,
    ]

    for page in pages:
        assert '<b title="x">' not in page
        assert "&lt;b title=" in page


def explained(gateway, *options):
    """What the command prints as JSON."""
    done = subprocess.run(
        [*GATEPOST, "explain", "-c", str(gateway.config_path), "--json", *options],
        cwd=ROOT,
        env=clean_environment({}),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("options", "members"),
    [
        (["GET", "/board/1", "--user", "eve", "--group", "staff"],
         {"method": "GET", "path": "/board/1", "user": "eve", "groups": ["staff"]}),
        (["GET", "/board/1", "--user", "eve", "--group", "board", "--ip", "10.1.2.3"],
         {"method": "GET", "path": "/board/1", "user": "eve", "groups": ["board"],
          "ip": "10.1.2.3"}),
        (["GET", "/wiki", "--user", "eve", "--claim", "team=ops", "--claim", "level=3"],
         {"method": "GET", "path": "/wiki", "user": "eve", "claims": ["team=ops", "level=3"]}),
        (["POST", "/", "--user", "ci", "--credential", "api_key", "--scope", "a"],
         {"method": "POST", "path": "/", "user": "ci", "credential": "api_key", "scopes": ["a"]}),
        (["GET", "/x", "--credential", "session", "--bad"],
         {"method": "GET", "path": "/x", "credential": "session", "bad": True}),
        (["GET", "//x"], {"method": "GET", "path": "//x"}),
    ],
)  # fmt: skip
def test_a_call_explains_as_the_command_does(gateway, ann, options, members):
    answer = ann.call("POST", "explain", members)

    found, expected = answer.json(), explained(gateway, *options)
    for document in (found, expected, found.get("shadow"), expected.get("shadow")):
        for condition in (document or {}).get("conditions", ()):
            # The file is not there in a worker.
            condition.pop("defined")
    assert answer.status_code == 200
    assert found == expected


def test_a_form_explains_too(ann):
    page = asked(
        ann,
        method="GET",
        path="/board/1",
        user="eve",
        groups="staff, board",
        headers="X-Proxy: no\nAccept: text/html",
        after="2",
    )

    assert page.status_code == 200
    assert "Allowed." in page.text
    assert 'value="staff, board"' in page.text
    wrong = asked(ann, method="GET", path="/board/1", groups="board")
    assert (wrong.status_code, "groups: only with user" in wrong.text) == (400, True)


@pytest.mark.parametrize(
    ("members", "detail"),
    [
        ({}, "method is missing"),
        ({"method": "GET"}, "path is missing"),
        ({"method": "GET", "path": "/", "groop": ["a"]}, "there is no member 'groop'"),
        ({"method": "GET", "path": "/", "target": "/x"}, "there is no member 'target'"),
        ({"method": "GET", "path": "/", "groups": "a"}, "groups is a list"),
        ({"method": "GET", "path": "/", "groups": [1]}, "groups is a text"),
        ({"method": "GET", "path": "/", "bad": "yes"}, "bad is true or false"),
        ({"method": "GET", "path": "/", "after": 10**6}, "after is a number"),
        ({"method": "GET", "path": "/", "after": True}, "after is a number"),
        ({"method": "GET", "path": "/", "credential": "x"}, "credential is one of"),
        ({"method": "GET", "path": "/", "groups": ["a"]}, "groups: only with user"),
        ({"method": "GET", "path": "/", "user": "a", "auth_age": "x"}, "auth_age: "),
        ({"method": "GET", "path": "/", "host": "a\r\nX: y"}, "line breaks"),
        ({"method": "GET", "path": "/" + "x" * 9000}, "path is a text of at most"),
        ({"method": "GET", "path": "/", "user": "a", "claims": DEEP}, "inside each other"),
        (
            {"method": "GET", "path": "/", "user": "a", "claims": ["a=" + "[" * 4000 + "]" * 4000]},
            "inside each other",
        ),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(ann, members, detail):
    answer = ann.call("POST", "explain", members)

    assert (answer.status_code, answer.json()["reason"]) == (400, "invalid-request")
    assert detail in answer.json()["detail"]


def test_what_a_route_in_shadow_would_decide_is_counted_by_reason(gateway, ann, bob):
    for number in range(10):
        assert fresh(bob, f"/wiki/{number}?token=of-the-query").status_code == 200

    wait_until(
        lambda: sum(it["count"] for it in told(ann, "shadows")["differences"]) == 10,
        gateway.process,
        "the differences",
    )
    found = told(ann, "shadows")
    page = ann.desk("/shadows").text

    assert found["routes"] == ["strict"]
    assert found["file"] is False
    assert found["differences"] == [
        {
            "member": "shadow",
            "route": "rest",
            "decision": "allow",
            "reason": "allowed",
            "shadow_route": "strict",
            "shadow_decision": "deny",
            "shadow_reason": "group-missing",
            "count": 10,
        }
    ]
    assert {it["path"] for it in found["examples"]} == {f"/wiki/{it}" for it in range(10)}
    assert {it["user"] for it in found["examples"]} == {"bob"}
    assert "of-the-query" not in json.dumps(found)
    assert "/wiki/9" in page
    assert "group-missing" in page
    counts = route(ann, "strict")
    assert counts["refusals"] == {"group-missing": 10}


def test_health_is_told_of_every_part_and_worker(gateway, ann):
    assert fresh(ann, "/dead").status_code == 502
    fresh(ann, "/fine")

    def parts():
        return {(it["kind"], it["name"]): it for it in told(ann, "health")["parts"]}

    wait_until(lambda: parts()["upstream", "app"]["state"] == "works", gateway.process, "the app")
    found = told(ann, "health")
    page = ann.desk("/overview").text

    assert (found["whole"], found["healthy"], found["reload_succeeded"]) == (True, False, True)
    assert found["workers"]["wanted"] == found["workers"]["answering"] == 2
    assert found["uptime_s"] >= 0
    assert found["version"] in page
    assert set(parts()) == {("store", "sqlite"), ("upstream", "app"), ("upstream", "gone")}
    store = parts()["store", "sqlite"]
    assert (store["state"], store["latency_ms"] >= 0) == ("works", True)
    gone = parts()["upstream", "gone"]
    assert (gone["state"], gone["failing_workers"]) == ("fails", 1)
    assert "App: gone" in page
    assert "2 of 2 answer" in page


def test_the_desk_opens_with_the_overview(ann):
    assert ann.desk("").headers["Location"] == "/_gatepost/admin/overview"


@pytest.mark.parametrize("section", SECTIONS)
def test_nobody_else_sees_a_page(gateway, ann, bob, section):
    key, _ = ann.make_key("all", "gatepost:admin")
    path = f"/{section}"

    assert ann.desk(path).status_code == 200
    assert bob.desk(path).status_code == 403
    assert Person(gateway, None).desk(path).status_code == 302
    assert Person(gateway, None).page(f"/_gatepost/admin{path}", **{"X-API-Key": key}).is_redirect


@pytest.mark.parametrize(("method", "call"), [*(("GET", it) for it in CALLS), ("POST", "explain")])
def test_a_call_by_key_needs_the_scope(gateway, ann, bob, method, call):
    whole, _ = ann.make_key("whole", "gatepost:admin")
    other, _ = ann.make_key("other", "read")
    body = {"method": "GET", "path": "/"} if method == "POST" else None

    def status(key):
        answer = by_key(gateway, key, method, call, body)
        return answer.status_code, answer.json().get("reason") if answer.status_code != 200 else ""

    assert ann.call(method, call, body).status_code == 200
    assert status(whole) == (200, "")
    assert status(other) == (403, "scope-missing")
    assert bob.call(method, call, body).status_code == 403
    assert Person(gateway, None).call(method, call, body).status_code == 401
    # Another site's page does not explain in somebody's name.
    if method == "POST":
        crossed = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}
        assert ann.call(method, call, body, headers=crossed).status_code == 403


def test_calls_are_in_the_audit(gateway, ann):
    told(ann, "refusals?user=somebody")

    event = gateway.wait_for_audit(path="/_gatepost/api/admin/refusals", user="ann")

    assert (event["decision"], event["route"]) == ("allow", "gatepost")
