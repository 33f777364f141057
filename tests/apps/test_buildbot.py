"""Buildbot's live updates over WebSocket, and whose a build is."""

import pytest

from tests.patience import soon

pytestmark = pytest.mark.parametrize("behind", ["buildbot"], indirect=True, scope="session")


async def force(browser):
    """Ask for a build, as the page does."""
    call = {"jsonrpc": "2.0", "method": "force", "id": 1, "params": {"builderid": "1"}}
    answer = await browser.ask("POST", "/api/v2/forceschedulers/force", json=call)
    assert answer.status == 200, answer
    return answer.json()["result"][0]


async def test_a_page_is_told_of_a_build_as_it_is_asked_for(world):
    alice = await world.signed_in("alice")
    await world.app.who(alice)

    url = f"{alice.origin}/ws"
    async with alice.session.ws_connect(url, origin=alice.origin) as updates:
        await updates.send_json({"cmd": "startConsuming", "path": "buildsets/*/*", "_id": 1})
        assert (await soon(updates.receive_json()))["code"] == 200
        buildset = await force(alice)

        while (told := await soon(updates.receive_json())).get("k") != f"buildsets/{buildset}/new":
            pass
        assert told["m"]["bsid"] == buildset


async def test_a_build_is_hers_who_asked_for_it(world):
    browser = await world.signed_in("alice")
    await world.app.who(browser)
    await browser.sign_in("bob")
    await world.app.who(browser)

    buildset = await force(browser)

    found = await browser.ask("GET", f"/api/v2/buildsets/{buildset}/properties")
    assert found.json()["properties"][0]["owner"][0] == "bob"


async def test_its_calls_know_nobody_before_its_page_was_seen(world):
    """Why docs/apps/buildbot.md tells programs to get `/` first."""
    program = world.visitor(key=await world.key_of("alice"))

    assert (await program.ask("GET", "/config")).json()["user"] == {"anonymous": True}
    await program.ask("GET", "/")
    assert (await program.ask("GET", "/config")).json()["user"]["username"] == "alice"
