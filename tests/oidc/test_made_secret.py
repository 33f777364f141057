"""A client secret that the client signs, as Apple wants it."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.errors import ProviderUnavailableError
from gateway.oidc.client_auth import choose_method, prove_client
from gateway.oidc.configured import register
from gateway.settings.providers import ProviderSettings
from tests.oidc.test_client_auth import EC as P384
from tests.oidc.test_client_auth import NOW, metadata, pem

KEY = ec.generate_private_key(ec.SECP256R1())
HOUR = 3600


def apple(key=KEY, **changes):
    values = {
        "issuer": "https://appleid.apple.com",
        "profile": "apple",
        "client_id": "com.example.notes",
        "client_key": pem(key),
        "client_key_id": "ABC123",
        "team_id": "TEAM",
        **changes,
    }
    return register("apple", ProviderSettings(**values))


def secret(now, registration=None):
    return dict(prove_client(registration or apple(), metadata(), now).parameters)["client_secret"]


def test_it_is_a_token_for_apple():
    token = jws.deserialize_compact(secret(NOW), ECKey.import_key(KEY), algorithms=["ES256"])

    claims = json.loads(token.payload)
    assert (token.protected["alg"], token.protected["kid"]) == ("ES256", "ABC123")
    assert claims == {
        "iss": "TEAM",
        "sub": "com.example.notes",
        "aud": "https://appleid.apple.com",
        "iat": claims["iat"],
        "exp": claims["iat"] + 2 * HOUR,
    }
    assert claims["iat"] <= NOW < claims["iat"] + HOUR
    assert choose_method(apple(), metadata("client_secret_post")) == "client_secret_post"


def test_it_is_made_once_an_hour_and_good_for_another_hour():
    begin = NOW // HOUR * HOUR

    assert secret(begin) == secret(begin + HOUR - 1)
    assert secret(begin) != secret(begin + HOUR)
    assert secret(begin) != secret(begin, apple(client_id="another"))


def test_a_key_on_another_curve_is_refused():
    with pytest.raises(ProviderUnavailableError, match="P-256"):
        secret(NOW, apple(P384))


def test_a_secret_from_elsewhere_is_sent_as_it_is():
    given = apple(client_key=None, client_key_id=None, team_id=None, client_secret="s")

    assert secret(NOW, given) == "s"
