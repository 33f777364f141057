"""What holds for every real provider; docs/providers/matrix.md shows what came of it."""

import aiohttp
import pytest

from tests.patience import until
from tests.providers.kinds import SCENARIOS, lacking, offering

# What a provider says of itself where it offers a scenario.
ANNOUNCED = {
    "logout": "end_session_endpoint",
    "back-channel": "backchannel_logout_supported",
}


def scenario(name):
    """The test of a column, with all providers that offer it."""
    assert name in SCENARIOS
    kinds = pytest.mark.parametrize("kind", offering(name), indirect=True, scope="session")

    def mark(test):
        return pytest.mark.scenario(name)(kinds(test))

    return mark


async def signed_in(world):
    status, text = await world.alice.sign_in()
    assert status == 302, (text, world.gateway.log())


@scenario("sign-in")
async def test_a_person_signs_in_and_the_app_knows_who_it_is(start):
    world = await start()

    await signed_in(world)
    assert await world.alice.get() == 200

    who = await world.alice.whoami()
    assert world.field("Remote-User") == who["user"] != ""
    assert world.field("Remote-Email") == who["email"] == "alice@example.com"


@scenario("groups")
async def test_groups_or_roles_reach_the_app(start):
    world = await start()

    await signed_in(world)

    assert await world.alice.get("/staff") == 200
    found = f"{world.field('Remote-Groups')},{world.field('Remote-Roles')}"
    assert "staff" in found.split(",")


@scenario("refresh")
async def test_a_session_is_refreshed(start):
    world = await start()
    await signed_in(world)
    refreshed = 'gatepost_session_refreshes_total{outcome="success"'

    async def is_refreshed():
        assert await world.alice.get() == 200, world.gateway.log()
        return refreshed in world.gateway.metrics()

    await until(is_refreshed)

    assert (await world.alice.whoami())["email"] == "alice@example.com"


@scenario("logout")
async def test_signing_out_signs_out_at_the_provider_and_comes_back(start):
    world = await start()
    await signed_in(world)

    there = await world.alice.sign_out()
    assert there.startswith(world.provider.place.url), there
    back = await world.provider.leave(world.alice.there, there)

    assert back.startswith(world.provider.place.post_logout_uri)
    assert (await world.alice.visit(back))[0] in (200, 302, 303)
    assert await world.alice.whoami() == {}
    _, there, _ = await world.alice.visit(f"{world.alice.origin}/_gatepost/login/id?return_to=/")
    assert await world.provider.asks(world.alice.there, there)


@scenario("back-channel")
async def test_signing_out_at_the_provider_ends_the_session(start):
    world = await start()
    await signed_in(world)
    assert (await world.alice.whoami())["email"] == "alice@example.com"

    await world.provider.end_sessions(world.alice.there)

    async def is_over():
        return await world.alice.whoami() == {}

    await until(is_over)


@scenario("keys")
async def test_a_new_key_is_found_without_a_restart(start):
    world = await start()
    await signed_in(world)

    world.provider.rotate_keys()
    world.alice.there.cookie_jar.clear()
    await signed_in(world)

    assert (await world.alice.whoami())["email"] == "alice@example.com"


@scenario("wrong secret")
async def test_a_wrong_secret_is_told_to_the_person_and_in_the_log(start):
    world = await start(client_secret="wrong-" + "0" * 32)

    status, page = await world.alice.sign_in()

    assert status == 502, page
    world.gateway.wait_for_audit(reason="client-refused")
    assert "client-refused" in page
    assert "sign-in at id: client-refused: " in world.gateway.log()
    assert "wrong-" not in page + world.gateway.log()


@scenario("report")
async def test_the_report_finds_no_problem(start):
    world = await start()

    report = world.report()

    assert [it for it in report["findings"] if it["level"] == "problem"] == []
    assert report["ok"]


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for name in ANNOUNCED for kind in lacking(name)],
    indirect=["kind"],
    scope="session",
)
async def test_what_is_not_offered_is_not_announced(provider, name):
    url = f"{provider.issuer}/.well-known/openid-configuration"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        document = await response.json()

    assert not document.get(ANNOUNCED[name])
