"""A gateway with the development provider, in front of an app that sets cookies."""

import pytest

from tests.e2e.people import Browser, cookie_app
from tests.fixtures.network import take_free_port


@pytest.fixture
async def start(gateway_process, demo_provider, raw_upstream):
    """Start a gateway: ``browser = await start({...more settings})``."""

    async def begin(settings=(), upstream=()):
        app = await raw_upstream(cookie_app)
        address = f"127.0.0.1:{take_free_port()}"
        callback = f"http://{address}/_gatepost/callback/oidc"
        provider = demo_provider({"client_id": "notes", "redirect_uris": [callback]})
        gateway = gateway_process(
            {
                "server": {"listen": address},
                "upstreams": {"app": {"url": app.url, **dict(upstream)}},
                "providers": {
                    "oidc": {
                        "issuer": provider.issuer,
                        "client_id": "notes",
                        "claims": {"user": "preferred_username"},
                    }
                },
                "routes": [
                    {"name": "public", "prefix": "/public", "access": "public"},
                    {"name": "rest", "prefix": "/", "access": "optional"},
                ],
                **dict(settings),
            }
        )
        return Browser(gateway.base_url)

    return begin
