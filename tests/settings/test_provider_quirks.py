"""Tenants, algorithms, nonces and response modes of a provider."""

import pytest
from pydantic import ValidationError

from gateway.oidc.configured import register
from gateway.oidc.keys import ASYMMETRIC
from gateway.settings.providers import ProviderSettings

TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"
TENANT = "9188040d-6c67-4c5b-b112-36a304b66dad"
SECRET = "s" * 32


def provider(**values):
    return ProviderSettings(**{"issuer": "https://id", "client_id": "c", **values})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"issuer": TEMPLATE}, r"an issuer with \{tenantid\} needs tenants"),
        ({"issuer": TEMPLATE, "tenants": []}, "tenants"),
        ({"tenants": [TENANT]}, r"tenants needs an issuer with \{tenantid\}"),
        ({"issuer": TEMPLATE, "tenants": ["*"]}, "is not a tenant id"),
        ({"issuer": TEMPLATE, "tenants": ["../evil"]}, "is not a tenant id"),
        ({"issuer": TEMPLATE, "tenants": ["contoso.com"]}, "is not a tenant id"),
        ({"algorithms": ["HS256"]}, "HS256 needs client_secret_file"),
        ({"algorithms": ["RS256", "HS256"], "client_secret": "s" * 31}, "at least 32 bytes"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"algorithms": ["HS512"], "client_secret": SECRET * 2}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"client_assertion_file": "t", "client_secret": SECRET}, "takes the place of"),
        ({"client_assertion_file": "t", "client_key": "k"}, "takes the place of"),
        (
            {"client_assertion_file": "t", "client_auth": "none"},
            "client_auth none does not use client_assertion_file",
        ),
        ({"client_auth": "private_key_jwt"}, "needs client_key_file or client_assertion_file"),
        ({"client_key_id": "k"}, "client_key_id needs client_key_file"),
        ({"team_id": "t", "client_secret": SECRET}, "team_id needs client_key_file"),
        ({"team_id": "t", "client_key": "k"}, "team_id needs profile: apple"),
        ({"profile": "apple", "client_key": "k", "team_id": "t"}, "needs client_key_id and"),
        ({"profile": "apple", "client_key": "k", "client_key_id": "t"}, "and team_id"),
        (
            {"type": "oauth2", "profile": "github", "client_assertion_file": "t"},
            "client_assertion_file needs OpenID Connect",
        ),
        ({"nonce": "never"}, "nonce"),
        ({"response_mode": "fragment"}, "response_mode"),
        (
            {"type": "oauth2", "profile": "github", "nonce": "required"},
            "nonce needs OpenID Connect",
        ),
    ],
)
def test_what_does_not_fit_is_refused(values, told):
    with pytest.raises(ValidationError, match=told):
        provider(**values)


def test_without_algorithms_a_shared_secret_proves_nothing():
    assert set(register("p", provider(client_secret=SECRET)).algorithms) == ASYMMETRIC


def test_what_is_named_counts():
    found = register(
        "p",
        provider(
            issuer=TEMPLATE,
            tenants=TENANT,
            algorithms=["HS256", "ES256"],
            client_secret=SECRET,
            nonce="unless_absent",
            response_mode="form_post",
        ),
    )

    assert found.algorithms == ("HS256", "ES256")
    assert found.issuers == {TEMPLATE.replace("{tenantid}", TENANT)}
    assert found.nonce_may_be_absent
    assert found.authorize_params == {"response_mode": "form_post"}


def test_by_default_nothing_is_lenient():
    found = register("p", provider())

    assert not found.nonce_may_be_absent
    assert found.authorize_params == {}
    assert found.issuers == {"https://id"}
