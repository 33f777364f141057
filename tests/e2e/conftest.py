"""A gateway in front of an app that sets cookies, one that a phone uses, and a browser."""

import pytest

from tests.e2e import browsing
from tests.e2e.people import Browser, cookie_app
from tests.e2e.phone import CALLBACK, ROUTES, Phone
from tests.e2e.raw import OK, behind
from tests.fixtures.network import take_free_port
from tests.fixtures.real_clock import real_clock

__all__ = ["real_clock"]


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


@pytest.fixture
def browser(gateway):
    """The browser of ann, who has signed in at the `gateway` of the test's module."""
    browser = browsing.Browser(gateway)
    assert browser.sign_in().status_code == 303
    return browser


@pytest.fixture
async def start_phone(gateway_process, raw_upstream, oidc_provider):
    """Start a gateway and take a phone to it: ``phone, app = await start_phone(...tokens)``."""
    phones = []

    async def run(settings=(), provider=oidc_provider, app=OK, **tokens):
        app = await raw_upstream(app)
        listen = f"127.0.0.1:{take_free_port()}"
        callback = f"http://{listen}/_gatepost/callback/id"
        backchannel = f"http://{listen}/_gatepost/backchannel-logout/id"
        web = provider.register(
            callback, scope="openid profile email groups", backchannel_logout_uri=backchannel
        )
        native = provider.register(
            CALLBACK, application_type="native", token_endpoint_auth_method="none"
        )
        client = {"provider": "id", "client_id": native.client_id, "redirect_uris": [CALLBACK]}
        about = {
            "server": {"listen": listen},
            "providers": {
                "id": {
                    "issuer": provider.issuer,
                    "client_id": web.client_id,
                    "client_secret": web.client_secret,
                }
            },
            "tokens": {"clients": {"ios": client}, **tokens},
            "api_keys": {},
            **dict(settings),
        }
        gateway = gateway_process(behind(app, *ROUTES, **about))
        phone = Phone(gateway, provider, native.client_id)
        phones.append(phone)
        return phone, app

    yield run
    for phone in phones:
        await phone.session.close()
