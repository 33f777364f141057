"""What tests of the OpenID client share: a provider to tamper with, and a clock to turn."""

import pytest

from gateway.oidc.http import ProviderHttp
from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.provider import Provider
from gateway.oidc.registration import ClaimNames, Registration
from tests.oidc.hostile import CLIENT_ID, CLIENT_SECRET, HostileProvider, TurnableClock


@pytest.fixture
def clock():
    return TurnableClock()


@pytest.fixture
async def hostile(clock):
    provider = HostileProvider(clock)
    await provider.start()
    yield provider
    await provider.stop()


@pytest.fixture
async def http():
    client = ProviderHttp(timeout_s=2.0)
    yield client
    await client.aclose()


@pytest.fixture
def make_provider(hostile, http, clock):
    """A Provider registered at the hostile one: ``make_provider(algorithms=("RS256",))``."""

    def make(wanted_claims=(), **changes):
        values = {
            "name": "hostile",
            "issuer": hostile.issuer,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "algorithms": tuple(ASYMMETRIC),
            "claims": ClaimNames(groups=("groups",), roles=("roles",)),
            **changes,
        }
        return Provider(Registration(**values), http, clock, wanted_claims=wanted_claims)

    return make
