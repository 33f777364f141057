"""Whose access tokens are a provider's, and how their issuer is reached."""

import pytest

from gateway.assembly.providers import bearer_of, issuers_of
from gateway.oidc.http import ProviderHttp
from gateway.settings.load import load
from tests.fixtures.certificates import Authority

ENTRA = "https://login.example.com/{tenantid}/v2.0"


@pytest.fixture
def settings(tmp_path):
    def write(provider, issuer):
        path = tmp_path / "gatepost.yaml"
        path.write_text(
            "public_url: https://notes.example.com\nupstreams: {app: http://app}\n"
            f"providers: {{id: {{client_id: c, {provider}}}}}\n"
            f"bearer: [{{issuer: '{issuer}', audiences: a}}]\n"
        )
        return load(path, {}).settings

    return write


@pytest.mark.parametrize(
    ("provider", "issuer", "name"),
    [
        ("issuer: https://id", "https://id", "id"),
        ("issuer: https://id", "https://id/", ""),
        (f"issuer: '{ENTRA}', tenants: [t-1, t-2]", "https://login.example.com/t-2/v2.0", "id"),
        (f"issuer: '{ENTRA}', tenants: [t-1, t-2]", "https://login.example.com/t-3/v2.0", ""),
    ],
)
def test_an_issuer_that_is_a_providers_is_known_as_that(settings, clock, provider, issuer, name):
    found = bearer_of(settings(provider, issuer), ProviderHttp(), None, clock)

    assert found.issuer(issuer)._wanted.provider == name


async def test_an_issuer_that_is_a_providers_is_reached_like_it(settings, clock, issuer, http):
    """The token is verified with keys that only the internal address has."""
    internal, issuer.issuer = issuer.issuer, "https://id.example.test"
    provider = f"issuer: https://id.example.test, internal_url: '{internal}'"
    found = bearer_of(settings(provider, issuer.issuer), http, None, clock)

    (known,) = await found.issuer(issuer.issuer)._keys.candidates("rsa", "RS256")

    assert known.kid == "rsa"


@pytest.mark.parametrize(
    "change", ["internal_url: http://idp", "proxy: http://proxy:1", "tls: {ca_file: CA}"]
)
def test_a_change_of_how_a_provider_is_reached_renews_its_issuers(settings, tmp_path, change):
    change = change.replace("CA", str(Authority(tmp_path).cert))
    before = issuers_of(settings("issuer: https://id", "https://id"))

    assert issuers_of(settings(f"issuer: https://id, {change}", "https://id")) != before
