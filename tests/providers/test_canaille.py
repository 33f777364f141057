"""Canaille: a client that was made without an audience."""

import pytest

pytestmark = pytest.mark.parametrize("kind", ["canaille"], indirect=True, scope="session")


async def test_a_client_without_audience_is_refused_with_what_to_do_at_canaille(start, provider):
    """Its web form and its registration set one, its command line does not."""
    provider.make_client("without-audience")
    world = await start(client_id="without-audience")

    status, page = await world.alice.sign_in()

    assert (status, "invalid-id-token" in page) == (502, True)
    assert (
        "the ID token names no audience (aud is []): at the provider, add 'without-audience' to "
        "the audiences of this client's tokens"
    ) in world.gateway.log()


async def test_an_address_that_is_not_said_to_be_verified_is_not_used(start):
    world = await start(email_verified=None)

    assert (await world.alice.sign_in())[0] == 302

    assert (await world.alice.whoami())["email"] is None
