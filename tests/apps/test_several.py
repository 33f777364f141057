"""Two apps behind one gateway, told apart by host name, as docs/apps/several-apps.md has it."""

from contextlib import ExitStack

import pytest

from tests.apps.app import Place
from tests.apps.apps import APPS
from tests.apps.conftest import running
from tests.apps.visitor import Visitor
from tests.fixtures.network import take_free_port

HOSTS = {"radicale": "127.0.0.1", "django": "localhost"}


@pytest.fixture
async def visitors(tmp_path, demo_provider, gateway_process):
    """One person at each app: ``visitors["django"]``."""
    listen = take_free_port()
    origins = {name: f"http://{host}:{listen}" for name, host in HOSTS.items()}
    callbacks = [f"{origin}/_gatepost/callback/oidc" for origin in origins.values()]
    provider = demo_provider({"client_id": "apps", "redirect_uris": callbacks})
    with ExitStack() as stack:
        places = {}
        for name, origin in origins.items():
            (tmp_path / name).mkdir()
            places[name] = Place(tmp_path / name, take_free_port(), origin, database=str)
            stack.enter_context(running(APPS[name], places[name]))
        gateway_process(settings_for(places, provider.issuer, listen))
        there = {name: Visitor(origin) for name, origin in origins.items()}
        yield there
        for visitor in there.values():
            await visitor.session.close()


def settings_for(places, issuer, listen):
    about = {"issuer": issuer, "client_id": "apps", "claims": {"user": "preferred_username"}}
    return {
        "public_url": [place.origin for place in places.values()],
        "server": {"listen": f"127.0.0.1:{listen}"},
        "upstreams": {
            name: {"url": f"http://127.0.0.1:{place.port}", "identity": {"headers": name}}
            for name, place in places.items()
        },
        "providers": {"oidc": about},
        "routes": [
            {"name": name, "host": host, "prefix": "/", "upstream": name, "access": "signed_in"}
            for name, host in HOSTS.items()
        ],
    }


async def test_each_app_knows_who_signed_in_at_its_own_host(visitors):
    await visitors["radicale"].sign_in("alice")
    await visitors["django"].sign_in("bob")

    for fields in ({}, {"Remote-User": "mallory"}, {"X-Remote-User": "mallory"}):
        for name, user in (("radicale", "alice"), ("django", "bob")):
            visitors[name].session.headers.update(fields)
            assert await APPS[name].who(visitors[name]) == user
