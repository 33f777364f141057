"""Whoever an app cannot be told of is refused, and never anonymous to it."""

import pytest

from gateway.assembly.serving import clock
from gateway.model import Identity
from gateway.sessions.session import ProviderTokens
from tests.authn.issuer import AUDIENCE
from tests.dataplane.harness import request

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNUSABLE = ["al\u200bice", "ali\0ce", "a\nb", "\u202ealice", " alice", "a\u00a0b", "al\x7f"]


async def _session(running, user, issuer):
    return (await running.sign_in(user)).strip()


async def _bearer(running, user, issuer):
    return f"Authorization: Bearer {issuer.token(sub=user)}"


async def _key(running, user, issuer):
    owner = Identity(user=user, subject=user, issuer="https://id.test", credential="session")
    about = {"name": "ci", "scopes": [], "routes": [], "lifetime_s": 60, "now": clock()}
    key, _ = await running.gateway.lasting.keys.create(owner, **about)
    return f"X-API-Key: {key}"


async def _token(running, user, issuer):
    who = Identity(user=user, subject=user, issuer="https://id.test", credential="token")
    about = {"client": "ios", "device": "", "ip": "127.0.0.1", "provider_sid": None}
    issued = await running.gateway.lasting.tokens.issue(who, ProviderTokens(), **about)
    return f"Authorization: Bearer {issued.access_token}"


@pytest.mark.parametrize("user", UNUSABLE)
@pytest.mark.parametrize("present", [_session, _bearer, _key, _token])
@pytest.mark.parametrize("access", ["signed_in", "optional"])
async def test_a_user_that_no_field_can_carry_is_refused(
    raw_upstream, gateway, issuer, present, user, access
):
    upstream = await raw_upstream(OK)
    running = await gateway(
        upstream.url,
        {"identity": {"headers": "none"}},
        routes=[{"name": "all", "prefix": "/", "access": access}],
        bearer=[{"issuer": issuer.issuer, "audiences": [AUDIENCE]}],
        api_keys={},
        tokens={"clients": {"ios": {"provider": "idp", "redirect_uris": ["com.example:/cb"]}}},
    )

    answer = await running.ask(request("/", await present(running, user, issuer)))

    assert answer.status == 403
    assert b'"user-unusable"' in answer.body
    assert upstream.connections == 0
