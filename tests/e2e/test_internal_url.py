"""A provider whose public name browsers can resolve and the gateway cannot, as in a container."""

import json
import socket
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from tests.e2e.raw import OK, behind
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider, sign_out_at_oidc_provider

# RFC 6761, section 6.2: nobody has this name.
PUBLIC_HOST = "id.example.test"
API = "https://api.example.com"


class HostsFile(AbstractResolver):
    """What a browser knows and the gateway does not."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        assert host == PUBLIC_HOST
        found = {"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET}
        return [{**found, "proto": 0, "flags": socket.AI_NUMERICHOST}]

    async def close(self):
        pass


@pytest.fixture
async def session():
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=HostsFile()),
        cookie_jar=aiohttp.CookieJar(unsafe=True),
    ) as found:
        yield found


@pytest.fixture
async def start(gateway_process, start_oidc_provider, raw_upstream):
    async def begin(path="", **of_provider):
        """Start both; `path` is the issuer's, and `of_provider` are more settings."""
        port = take_free_port()
        issuer = f"http://{PUBLIC_HOST}:{port}{path}"
        provider = start_oidc_provider(port=port, issuer=issuer)
        internal = f"http://127.0.0.1:{port}{path}"
        app = await raw_upstream(OK)
        listen = f"127.0.0.1:{take_free_port()}"
        origin = f"http://{listen}"
        client = provider.register(
            f"{origin}/_gatepost/callback/id",
            post_logout_redirect_uris=[f"{origin}/_gatepost/logout"],
            scope="openid profile email offline_access",
        )
        gateway = gateway_process(
            behind(
                app,
                {"name": "all", "prefix": "/", "access": "signed_in"},
                server={"listen": listen},
                providers={
                    "id": {
                        "issuer": issuer,
                        "internal_url": internal,
                        "client_id": client.client_id,
                        "client_secret": client.client_secret,
                        "scopes": ["openid", "email", "offline_access"],
                        "authorize_params": {"prompt": "consent"},
                        **of_provider,
                    }
                },
                bearer=[
                    {
                        "issuer": issuer,
                        "audiences": [API, f"{API}/opaque"],
                        "introspection": {
                            "client_id": client.client_id,
                            "client_secret": client.client_secret,
                        },
                    }
                ],
            )
        )
        return gateway, provider

    return begin


@pytest.mark.parametrize("path", ["", "/realms/main"])
async def test_sign_in_and_sign_out_while_only_the_browser_knows_the_public_name(
    start, session, path
):
    gateway, provider = await start(path)

    async with session.get(f"{gateway.base_url}/_gatepost/sign-in", allow_redirects=False) as told:
        there = told.headers["Location"]
    back = await sign_in_at_oidc_provider(session, there, "alice")
    async with session.get(back, allow_redirects=False) as told:
        assert told.status == 302, gateway.log()
    async with session.get(f"{gateway.base_url}/_gatepost/whoami") as told:
        who = await told.json()
    async with session.post(
        f"{gateway.base_url}/_gatepost/logout",
        headers={"Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
    ) as told:
        out = told.headers["Location"]

    assert urlsplit(there).netloc == urlsplit(provider.issuer).netloc
    assert urlsplit(there).path.startswith(f"{path}/")
    # Userinfo has the e-mail, which this provider's ID tokens lack.
    assert (who["subject"], who["email"]) == ("alice", "alice@example.com")
    assert who["issuer"] == provider.issuer
    assert out.startswith(f"{provider.issuer}/session/end")
    assert (await sign_out_at_oidc_provider(session, out)).startswith(gateway.base_url)
    assert "revoked: " in provider.log_path.read_text()


@pytest.mark.parametrize("audience", [API, f"{API}/opaque"])
async def test_its_access_tokens_are_verified_inside_too(start, session, audience):
    gateway, provider = await start()
    machine = provider.register(
        grant_types=["client_credentials"],
        response_types=[],
        token_endpoint_auth_method="client_secret_post",
    )
    form = {
        "grant_type": "client_credentials",
        "resource": audience,
        "scope": "api:read",
        "client_id": machine.client_id,
        "client_secret": machine.client_secret,
    }
    async with session.post(f"{provider.issuer}/token", data=form) as told:
        token = (await told.json())["access_token"]

    async with session.get(
        f"{gateway.base_url}/_gatepost/whoami", headers={"Authorization": f"Bearer {token}"}
    ) as told:
        who = json.loads(await told.text())

    assert who["provider"] == "id", gateway.log()
    assert who["issuer"] == provider.issuer


async def test_the_issuer_is_checked_all_the_same(start, session):
    gateway, provider = await start(issuer="http://other.example.test")

    async with session.get(f"{gateway.base_url}/_gatepost/sign-in", allow_redirects=False) as told:
        assert told.status == 502

    assert f"configured is 'http://other.example.test', found is '{provider.issuer}'" in (
        gateway.log()
    )
