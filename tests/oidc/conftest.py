"""What tests of the OpenID client share: a provider registered at one to tamper with."""

import pytest

from gateway.oidc.keys import ASYMMETRIC
from gateway.oidc.provider import Provider
from gateway.oidc.registration import ClaimNames, Registration
from tests.oidc.hostile import CLIENT_ID, CLIENT_SECRET


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
