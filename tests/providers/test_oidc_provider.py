"""npm's oidc-provider: when it gives refresh tokens, and where it sends logout tokens."""

import pytest

from tests.providers.provider import version_of

BOTH = ["oidc-provider-8", "oidc-provider-9"]
HINT = "set providers.id.authorize_params: {prompt: consent}"


@pytest.mark.parametrize("kind", BOTH, indirect=True, scope="session")
async def test_without_a_consent_no_refresh_token_comes_and_the_log_says_what_to_do(start):
    world = await start(authorize_params={})

    assert (await world.alice.sign_in())[0] == 302

    assert "no refresh token came" in world.gateway.log()
    assert HINT in world.gateway.log()


@pytest.mark.parametrize("kind", ["oidc-provider-9"], indirect=True, scope="session")
async def test_left_alone_version_9_sends_no_logout_token_to_a_private_address(start, provider):
    assert version_of("oidc-provider-9").startswith("9.")
    provider.restart(inside=False)
    try:
        world = await start()
        assert (await world.alice.sign_in())[0] == 302

        await provider.end_sessions(world.alice.there)

        # It answers the sign-out only after it has tried.
        assert (await world.alice.whoami())["user"] == "alice"
        assert "/_gatepost/backchannel-logout/" not in world.gateway.log()
    finally:
        provider.restart()
