"""How a provider is reached: what fits together, and what an error must not quote."""

import pytest
from pydantic import ValidationError

from gateway.settings.providers import ProviderSettings

PAIR = {"cert_file": "/c", "key_file": "/k"}


def provider(**values):
    return ProviderSettings(**{"issuer": "https://id", "client_id": "c", **values})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"tls": {"cert_file": "/c"}}, "set cert_file and key_file together"),
        ({"tls": {"ca_file": "/c"}, "issuer": "http://id"}, "tls needs an https issuer"),
        (
            {"tls": {"ca_file": "/c"}, "internal_url": "http://id"},
            "tls needs an https internal_url",
        ),
        ({"client_auth": "tls_client_auth"}, "needs tls.cert_file and tls.key_file"),
        ({"client_auth": "tls_client_auth", "tls": {"ca_file": "/c"}}, "needs tls.cert_file"),
        (
            {"client_auth": "tls_client_auth", "tls": PAIR, "client_secret": "s"},
            "does not use client_secret",
        ),
        ({"client_auth": "tls_client_auth", "tls": PAIR, "client_key": "s"}, "client_key"),
        ({"internal_url": "http://idp/?x"}, "must not have a query"),
        ({"internal_url": "idp:8080"}, "is not an http or https URL"),
    ],
)
def test_what_does_not_fit_is_refused(values, told):
    with pytest.raises(ValidationError, match=told):
        provider(**values)


@pytest.mark.parametrize(
    "values",
    [
        {"client_auth": "tls_client_auth", "tls": PAIR},
        {"client_secret": "s", "tls": PAIR},
        {"tls": {"ca_file": "/c"}, "issuer": "http://id", "internal_url": "https://id"},
        {"proxy": "http://proxy:3128/"},
        {"proxy": "http://user:pass@[::1]:3128"},
    ],
)
def test_what_fits_is_taken(values):
    assert provider(**values).tls is not None


@pytest.mark.parametrize(
    "proxy",
    [
        *("https://u:secret@proxy", "socks5://u:secret@proxy", "u:secret@proxy:3128", 7),
        *("http://u:secret@proxy:port", "http://u:secret@", "http://proxy/secret"),
        *("http://proxy?secret", "http://u:secret@proxy:0", "http://u:secret@[::1"),
    ],
)
def test_a_proxy_is_plain_http_and_its_password_is_never_quoted(proxy):
    with pytest.raises(ValidationError) as raised:
        provider(proxy=proxy)

    assert "secret" not in str(raised.value)


def test_a_proxys_password_is_in_no_repr():
    assert "pa55" not in repr(provider(proxy="http://u:pa55@proxy:3128"))
