"""An administrator asks why somebody's request was refused, by its id."""

import json

import pytest

from tests.e2e.signed_in import OK, ask, browser, sign_in, start_cluster
from tests.patience import until

ROUTES = [
    {
        "name": "board",
        "prefix": "/board",
        "access": {"allow": [{"group": "board"}, "owners"], "deny": [{"ip": "203.0.113.0/24"}]},
    },
    {"name": "gone", "path": "/gone", "access": "gone"},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]
POLICY = {
    "routes": ROUTES,
    "conditions": {"owners": [{"user": "nobody-yet"}]},
    "admins": [{"group": "gatepost-admins"}],
    "api_keys": {},
}


@pytest.fixture
async def start(gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    """Start two gateways of one store: ``cluster = await start(admins=None)``."""

    async def run(**changes):
        settings = {name: it for name, it in {**POLICY, **changes}.items() if it is not None}
        provider = start_oidc_provider()
        provider.set_claims("ada", groups=["gatepost-admins"])
        provider.set_claims("bob", groups=["staff"])
        app = await raw_upstream(OK)
        return start_cluster(gateway_process, provider, app.url, tmp_path, count=2, **settings)

    return run


async def refused(cluster, cookie, path, number=0):
    """The status of a request, and its id."""
    url = f"{cluster.gateways[number].base_url}{path}"
    status, body = await ask(cookie, "GET", url, cluster.origin)
    return status, json.loads(body)["request_id"]


async def explained(cluster, cookie, request_id, number=0):
    url = f"{cluster.gateways[number].base_url}/_gatepost/api/admin/explain"
    status, body = await ask(cookie, "GET", f"{url}?request_id={request_id}", cluster.origin)
    return status, json.loads(body)


async def known(cluster, cookie, request_id, number=0):
    """The explanation, once it is kept."""
    found = {}

    async def is_kept():
        status, document = await explained(cluster, cookie, request_id, number)
        found.update(document)
        return status == 200

    await until(is_kept)
    return found


async def test_an_administrator_is_told_by_any_machine(start):
    cluster = await start()
    async with browser() as one, browser() as other:
        ada, bob = await sign_in(one, cluster, "ada"), await sign_in(other, cluster, "bob")
    status, request_id = await refused(cluster, bob, "/board/minutes?secret=1")

    told = await known(cluster, ada, request_id, number=1)

    assert status == 403
    assert {
        name: told[name] for name in ("request_id", "path", "status", "decision", "reason")
    } == {
        "request_id": request_id,
        "path": "/board/minutes",
        "status": 403,
        "decision": "deny",
        "reason": "group-missing",
    }
    assert (told["user"], told["route"], told["credential"]) == ("bob", "board", "session")
    assert [(it["where"], it["result"]) for it in told["conditions"]] == [
        ("deny[0]", "unmet"),
        ("allow[0]", "unmet"),
        ("allow[1] owners[0]", "unmet"),
    ]
    assert {it["text"] for it in told["to_change_it"]} == {
        "would pass with group: board",
        "would pass with user: nobody-yet",
    }
    assert told["routes"] == [{"route": "board", "covers": ["/board/minutes"], "why_not": None}]
    assert "secret" not in json.dumps(told)
    assert bob not in json.dumps(told)


async def test_what_no_rule_refused_is_told_too(start):
    cluster = await start()
    async with browser() as one:
        ada = await sign_in(one, cluster, "ada")
    status, request_id = await refused(cluster, None, "/gone")

    told = await known(cluster, ada, request_id)

    assert (status, told["reason"], told["user"], told["conditions"]) == (410, "gone", None, [])
    assert [it["why_not"] for it in told["routes"]] == ["does not match /gone", None]


async def test_nobody_else_is_told(start):
    cluster = await start()
    async with browser() as one, browser() as other:
        ada, bob = await sign_in(one, cluster, "ada"), await sign_in(other, cluster, "bob")
        headers = {"Origin": cluster.origin, "Cookie": f"gatepost={ada}"}
        url = f"{cluster.origin}/_gatepost/api/keys"
        async with one.post(url, json={"name": "ci"}, headers=headers) as response:
            key = (await response.json())["key"]
    _, request_id = await refused(cluster, bob, "/board")
    await known(cluster, ada, request_id)

    assert (await explained(cluster, bob, request_id))[0] == 403
    assert (await explained(cluster, bob, request_id))[1]["reason"] == "not-an-administrator"
    assert (await explained(cluster, None, request_id))[0] == 401
    # Not even the key of an administrator, unless it has the scope.
    url = f"{cluster.origin}/_gatepost/api/admin/explain?request_id={request_id}"
    by_key = {"headers": {"X-API-Key": key}}
    status, body = await ask(None, "GET", url, cluster.origin, **by_key)
    assert (status, json.loads(body)["reason"]) == (403, "scope-missing")
    for unknown in ("", "x", f"{request_id}&request_id={request_id}", "%00"):
        status, document = await explained(cluster, ada, unknown)
        assert (status, document["reason"]) == (404, "unknown-request")


async def test_without_administrators_nothing_is_kept_and_nobody_can_ask(start):
    cluster = await start(admins=None)
    async with browser() as one:
        ada = await sign_in(one, cluster, "ada")
    _, request_id = await refused(cluster, ada, "/board")

    status, document = await explained(cluster, ada, request_id)

    assert (status, document["reason"]) == (404, "no-route")


async def test_a_flood_of_refusals_fills_no_store(start):
    cluster = await start()
    async with browser() as one:
        ada = await sign_in(one, cluster, "ada")
    ids = [(await refused(cluster, None, "/gone"))[1] for _ in range(700)]

    assert (await known(cluster, ada, ids[0]))["reason"] == "gone"
    kept = [(await explained(cluster, ada, it))[0] for it in ids]
    assert 550 < kept.count(200) < 700
