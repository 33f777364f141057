"""What holds for every app: it knows who signed in at the gateway, and believes nobody else."""

import pytest

from gateway.settings.presets import PRESETS
from tests.apps.apps import having
from tests.e2e.people import HTML


def forged(name):
    """The fields that the app believes, spelt in the ways servers fold together."""
    for field in PRESETS[name]:
        for spelt in (field, field.lower(), field.replace("-", "_")):
            yield {spelt: "mallory"}


async def test_a_stranger_is_sent_to_sign_in(world):
    visitor = world.visitor()

    page = await visitor.ask("GET", world.app.home, headers=HTML, allow_redirects=False)
    call = await visitor.ask("GET", world.app.home, allow_redirects=False)

    assert page.status == 302
    assert page.headers["Location"].startswith("/_gatepost/sign-in?return_to=")
    assert call.status == 401


async def test_the_app_knows_who_signed_in(world):
    alice = await world.signed_in("alice")

    assert await world.app.who(alice) == "alice"


async def test_nobody_is_somebody_by_a_field(world):
    for fields in forged(world.name):
        visitor = world.visitor()
        answer = await visitor.ask("GET", world.app.home, headers=fields, allow_redirects=False)
        assert answer.status == 401, fields


async def test_nobody_is_somebody_else_by_a_field(world):
    for fields in forged(world.name):
        alice = await world.signed_in("alice")
        alice.session.headers.update(fields)
        assert await world.app.who(alice) == "alice", fields


async def test_a_second_person_at_the_same_browser_is_the_second_person(world):
    browser = await world.signed_in("alice")
    assert await world.app.who(browser) == "alice"

    await browser.sign_in("bob")

    assert await world.app.who(browser) == "bob"


async def test_nothing_is_open_after_a_sign_out(world):
    browser = await world.signed_in("alice")
    assert await world.app.who(browser) == "alice"

    await browser.sign_out()

    answer = await browser.ask("GET", world.app.home, headers=HTML, allow_redirects=False)
    assert answer.status == 302
    await browser.sign_in("bob")
    assert await world.app.who(browser) == "bob"


@pytest.mark.parametrize("behind", having("leave"), indirect=True, scope="session")
async def test_the_apps_own_sign_out_ends_the_gateways_session(world):
    browser = await world.signed_in("alice")
    assert await world.app.who(browser) == "alice"

    left = await world.app.leave(browser)

    assert left.headers["Location"].startswith(world.provider.issuer)
    assert (await browser.ask("GET", "/_gatepost/whoami")).status == 401
    await browser.sign_in("bob")
    assert await world.app.who(browser) == "bob"


async def test_a_key_over_basic_is_its_owner(world):
    program = world.visitor(key=await world.key_of("alice"))

    assert await world.app.who(program) == "alice"


async def test_a_wrong_key_is_nobody(world):
    program = world.visitor(key="gp_" + "x" * 40)

    answer = await program.ask("GET", world.app.home, allow_redirects=False)

    assert answer.status == 401


@pytest.mark.parametrize("behind", having("upload"), indirect=True, scope="session")
async def test_an_upload_arrives(world):
    alice = await world.signed_in("alice")

    assert await world.app.upload(alice, b"uploaded") == b"uploaded"


async def test_a_session_goes_on_without_the_provider(own_world):
    alice = await own_world.signed_in("alice")

    own_world.provider.stop()

    assert await own_world.app.who(alice) == "alice"
