"""Names of groups, from what a provider says to what a rule compares and the app receives."""

import json

import pytest

from tests.e2e.raw import OK, ask, behind
from tests.e2e.signed_in import ask as ask_as
from tests.e2e.signed_in import browser, sign_in, start_cluster
from tests.fixtures.hub import hub
from tests.fixtures.network import take_free_port
from tests.patience import until

__all__ = ["hub"]

STAFF = {
    "from": "/groups/*/name",
    "map": {"1f0c-guid": "staff", "9e2d-guid": ["staff", "board"]},
    "prefix": "corp:",
}
ROUTES = [
    {"name": "staff", "prefix": "/staff", "access": {"allow": [{"group": "corp:staff"}]}},
    {"name": "raw", "prefix": "/raw", "access": {"allow": [{"group": ["1f0c-guid", "staff"]}]}},
    {"name": "most", "prefix": "/most", "access": {"deny": [{"group": "corp:evil"}]}},
    {"name": "rest", "prefix": "/", "access": "signed_in"},
]


def named(*names):
    """Groups in the provider's form."""
    return [{"id": number, "name": name} for number, name in enumerate(names)]


@pytest.fixture
async def start(gateway_process, start_oidc_provider, raw_upstream, tmp_path):
    """Start a gateway at a certified provider: ``cluster, app = await start(ttl_s=3)``."""

    async def run(ttl_s=600, **settings):
        provider = start_oidc_provider(ttl={"AccessToken": ttl_s})
        app = await raw_upstream(OK)
        cluster = start_cluster(
            gateway_process,
            provider,
            app.url,
            tmp_path,
            claims={"groups": STAFF},
            routes=ROUTES,
            **settings,
        )
        return cluster, app

    return run


async def statuses(cluster, cookie):
    paths = ("/staff", "/raw", "/most")
    return [(await ask_as(cookie, "GET", cluster.origin + it, cluster.origin))[0] for it in paths]


async def groups_of(cluster, cookie):
    status, body = await ask_as(cookie, "GET", f"{cluster.origin}/_gatepost/whoami", cluster.origin)
    return json.loads(body)["groups"] if status == 200 else None


async def test_a_rule_and_the_app_get_the_names_of_the_file_and_so_after_a_refresh(start):
    cluster, app = await start(ttl_s=3)
    cluster.provider.set_claims("ann", groups=named("1f0c-guid", "x"))
    async with browser() as session:
        cookie = await sign_in(session, cluster, "ann")

    assert await groups_of(cluster, cookie) == ["corp:staff", "corp:x"]
    assert await statuses(cluster, cookie) == [200, 403, 200]
    assert any(b"\r\nRemote-Groups: corp:staff,corp:x\r\n" in it for it in app.heads)

    cluster.provider.set_claims("ann", groups=named("9e2d-guid", "evil"))

    async def is_refreshed():
        await ask_as(cookie, "GET", cluster.origin, cluster.origin)
        return await groups_of(cluster, cookie) == ["corp:staff", "corp:board", "corp:evil"]

    await until(is_refreshed)
    assert await statuses(cluster, cookie) == [200, 403, 403]


@pytest.mark.parametrize(
    ("groups", "found"),
    [
        # What cannot be read satisfies no allow and matches a deny.
        ("1f0c-guid", [403, 403, 403]),
        ([["1f0c-guid"]], [403, 403, 403]),
        ([*named("1f0c-guid"), {"name": ["evil"]}], [200, 403, 403]),
        (named(*(f"g{number}" for number in range(10_001))), [403, 403, 403]),
        # Another name, which is sent without its control characters or not at all.
        (named("1f0c-guid\n", "\x00evil"), [403, 403, 200]),
        (named("1f0c-guid", *(f"g{number}" for number in range(3000))), [200, 403, 200]),
    ],
)
async def test_hostile_groups(start, groups, found):
    cluster, app = await start()
    cluster.provider.set_claims("eve", groups=groups)
    async with browser() as session:
        cookie = await sign_in(session, cluster, "eve")

    assert await statuses(cluster, cookie) == found
    fields = [it for head in app.heads for it in head.split(b"\r\n") if b"Remote-Groups" in it]
    assert not any(b"\n" in it or b"\0" in it for it in fields)


async def test_an_administrator_sees_which_name_was_missing(start):
    cluster, _ = await start(admins=[{"group": "corp:board"}])
    cluster.provider.set_claims("ada", groups=named("9e2d-guid"))
    cluster.provider.set_claims("bob", groups=named("x"))
    async with browser() as one, browser() as other:
        ada, bob = await sign_in(one, cluster, "ada"), await sign_in(other, cluster, "bob")
    _, body = await ask_as(bob, "GET", f"{cluster.origin}/staff", cluster.origin)
    url = (
        f"{cluster.origin}/_gatepost/api/admin/explain?request_id={json.loads(body)['request_id']}"
    )
    told = {}

    async def is_kept():
        status, document = await ask_as(ada, "GET", url, cluster.origin)
        told.update(json.loads(document))
        return status == 200

    await until(is_kept)
    assert (told["user"], told["reason"]) == ("bob", "group-missing")
    assert [it["text"] for it in told["to_change_it"]] == ["would pass with group: corp:staff"]


async def test_a_bearer_tokens_groups_go_through_the_same_steps(
    gateway_process, raw_upstream, issuer
):
    app = await raw_upstream(OK)
    listen = f"127.0.0.1:{take_free_port()}"
    bearer = {
        "issuer": issuer.issuer,
        "audiences": ["https://api.example.com"],
        "claims": {
            "groups": {"from": "teams", "split": ",", "fold_case": True, "prefix": "ci:"},
            "roles": {"map": {"1f0c-guid": "auditor"}, "unmapped": "drop"},
        },
    }
    rules = {"allow": [{"group": "ci:ops", "role": "auditor"}]}
    route = {"name": "all", "prefix": "/", "access": rules}
    gateway = gateway_process(behind(app, route, bearer=[bearer], server={"listen": listen}))

    async def asked(**claims):
        field = f"Authorization: Bearer {issuer.token(**claims)}"
        return (await ask(gateway, "/x", field)).status

    assert await asked(teams="Dev, OPS", roles=["1f0c-guid", "auditors"]) == 200
    assert b"\r\nRemote-Groups: ci:dev,ci:ops\r\n" in app.heads[-1]
    assert await asked(teams="ci:ops", roles=["1f0c-guid"]) == 403
    assert await asked(teams="ops", roles=["auditor"]) == 403


async def test_admins_of_two_providers_are_two_groups(hub, gateway_process, raw_upstream):
    hub.orgs = ["Admins"]
    origin = f"http://127.0.0.1:{take_free_port()}"

    def provider(name, user):
        claims = {"user": user, "group": "login", "groups": {"prefix": f"{name}:"}}
        return hub.settings(issuer=f"https://{name}.example", recheck="1s", claims=claims)

    gateway = gateway_process(
        {
            "public_url": origin,
            "server": {"listen": origin.removeprefix("http://")},
            "upstreams": {"app": {"url": (await raw_upstream(OK)).url}},
            "providers": {"one": provider("one", "login"), "two": provider("two", "name")},
            "routes": [
                {
                    "name": "all",
                    "prefix": "/",
                    "access": {"allow": [{"group": "one:admins"}], "deny": [{"group": "one:evil"}]},
                }
            ],
        }
    )

    async def enter(session, name):
        url = f"{gateway.base_url}/_gatepost/login/{name}?return_to=/"
        for _ in range(3):
            async with session.get(url, allow_redirects=False) as response:
                url = response.headers["Location"]
        return await get(session)

    async def get(session):
        async with session.get(gateway.base_url, allow_redirects=False) as response:
            return response.status

    async with browser() as one, browser() as two:
        assert (await enter(one, "one"), await enter(two, "two")) == (200, 403)
        hub.orgs = ["Admins", "EVIL"]

        async def is_rechecked():
            return await get(one) == 403

        await until(is_rechecked)
