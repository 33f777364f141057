"""What a certified provider may ask for beyond the plain code flow."""

from tests.e2e.test_provider_quirks import authorize, session, start
from tests.fixtures.oidc import sign_in_at_oidc_provider

__all__ = ["session", "start"]


async def signed_in(session, gateway, user="alice"):
    """Sign `user` in; what whoami says."""
    back = await sign_in_at_oidc_provider(session, await authorize(session, gateway), user)
    async with session.get(back, allow_redirects=False) as told:
        assert told.status == 302, gateway.log()
    async with session.get(f"{gateway.base_url}/_gatepost/whoami") as told:
        return await told.json()


async def test_a_provider_that_requires_pushed_requests(start, session):
    gateway = await start(
        {},
        {
            "features": {
                "pushedAuthorizationRequests": {
                    "enabled": True,
                    "requirePushedAuthorizationRequests": True,
                }
            }
        },
    )

    location = await authorize(session, gateway)
    assert "request_uri=urn" in location
    assert "redirect_uri" not in location
    assert (await signed_in(session, gateway))["subject"] == "alice"


async def test_a_provider_that_refuses_a_pushed_request(start, session):
    gateway = await start(
        {"scope": "openid"},
        {"features": {"pushedAuthorizationRequests": {"enabled": True}}},
        pushed_authorization=True,
        scopes=["openid", "email"],
    )

    begin = f"{gateway.base_url}/_gatepost/sign-in"
    async with session.get(begin, allow_redirects=False) as told:
        assert told.status == 403

    gateway.wait_for_audit(reason="provider-error")
    assert "error 'invalid_scope': 'requested scope is not allowed'" in gateway.log()
