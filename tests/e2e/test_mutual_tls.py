"""A provider behind a proxy that knows its client by a certificate (RFC 8705)."""

import aiohttp

from tests.e2e.raw import OK, behind
from tests.fixtures.certificates import Authority
from tests.fixtures.network import take_free_port
from tests.fixtures.oidc import sign_in_at_oidc_provider


async def test_a_certificate_signs_the_client_in_through_the_proxy(
    gateway_process, start_oidc_provider, raw_upstream, forward_proxy, tmp_path
):
    authority = Authority(tmp_path / "authority")
    server, client = authority.issue("server", "127.0.0.1"), authority.issue("gw", "gw.example.com")
    provider = start_oidc_provider(
        tls={"cert": str(server.cert), "key": str(server.key), "ca": str(authority.cert)}
    )
    app = await raw_upstream(OK)
    listen = f"127.0.0.1:{take_free_port()}"
    registered = provider.register(
        f"http://{listen}/_gatepost/callback/id",
        token_endpoint_auth_method="tls_client_auth",
        tls_client_auth_san_dns="gw.example.com",
    )

    def settings(pair):
        return behind(
            app,
            {"name": "all", "prefix": "/", "access": "signed_in"},
            server={"listen": listen},
            providers={
                "id": {
                    "issuer": provider.issuer,
                    "client_id": registered.client_id,
                    "client_auth": "tls_client_auth",
                    "tls": {
                        "ca_file": str(authority.cert),
                        "cert_file": str(pair.cert),
                        "key_file": str(pair.key),
                    },
                    "proxy": forward_proxy.url,
                }
            },
        )

    async def sign_in(gateway):
        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=authority.client_context()),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        ) as session:
            begin = f"{gateway.base_url}/_gatepost/sign-in"
            async with session.get(begin, allow_redirects=False) as told:
                there = told.headers["Location"]
            back = await sign_in_at_oidc_provider(session, there, "alice")
            async with session.get(back, allow_redirects=False) as told:
                return told.status

    gateway = gateway_process(settings(client))
    assert await sign_in(gateway) == 302, gateway.log()
    address = provider.issuer.removeprefix("https://")
    assert set(forward_proxy.targets(b"CONNECT")) == {address}
    gateway.stop()

    another = gateway_process(settings(authority.issue("another", "another.example.com")))
    assert await sign_in(another) == 502
    another.wait_for_audit(reason="client-refused")
