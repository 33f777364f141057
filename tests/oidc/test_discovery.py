"""A discovery document is the configured issuer's, byte for byte, or nothing."""

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.discovery import Discovery, read_metadata, well_known_url
from gateway.oidc.errors import IssuerMisconfiguredError
from gateway.oidc.internal_url import Addresses
from gateway.oidc.mutual_tls import with_mutual_tls

ISSUER = "https://id.example.com/oidc"
PUBLIC = Addresses(ISSUER)
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example.com/auth",
    "token_endpoint": "https://id.example.com/token",
    "jwks_uri": "https://keys.example.net/jwks",
}


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://id", "https://id/.well-known/openid-configuration"),
        ("https://id/", "https://id/.well-known/openid-configuration"),
        ("https://id/oidc", "https://id/oidc/.well-known/openid-configuration"),
        ("https://id/app/", "https://id/app/.well-known/openid-configuration"),
    ],
)
def test_where_the_document_is(issuer, expected):
    assert well_known_url(issuer) == expected


@pytest.mark.parametrize(
    "named",
    [
        ISSUER + "/",
        ISSUER.upper(),
        "https://evil.example",
        "http://id.example.com/oidc",
        "",
        None,
        7,
    ],
)
def test_another_issuer_is_refused(named):
    with pytest.raises(IssuerMisconfiguredError):
        read_metadata({**DOCUMENT, "issuer": named}, PUBLIC)


def test_an_alias_is_read_as_the_configured_issuer():
    found = read_metadata({**DOCUMENT, "issuer": "id.example.com"}, PUBLIC, ("id.example.com",))

    assert found.issuer == ISSUER


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "/relative",
        "http://id.example.com/x",
        "javascript:alert(1)",
        "https:///nothing",
        "https://[",
        "https://u:p@id.example.com/",
        "https://id.example.com/x#y",
    ],
)
def test_an_endpoint_that_may_not_be_called_is_refused(name, value):
    with pytest.raises(ProviderUnavailableError):
        read_metadata({**DOCUMENT, name: value}, PUBLIC)


def test_an_optional_endpoint_may_be_absent_but_not_wrong():
    found = read_metadata(DOCUMENT, PUBLIC)
    assert (found.userinfo_endpoint, found.end_session_endpoint) == (None, None)

    with pytest.raises(ProviderUnavailableError):
        read_metadata({**DOCUMENT, "userinfo_endpoint": "http://x"}, PUBLIC)


def test_an_issuer_over_plain_http_may_have_plain_endpoints():
    issuer = "http://127.0.0.1:9000"
    plain = {name: value.replace("https:", "http:") for name, value in DOCUMENT.items()}

    assert read_metadata({**plain, "issuer": issuer}, Addresses(issuer)).token_endpoint.startswith(
        "http:"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ("client_secret_basic",)),
        (["client_secret_post", 7], ("client_secret_post",)),
        ("client_secret_post", ("client_secret_basic",)),
        ([], ()),
    ],
)
def test_how_clients_may_authenticate(value, expected):
    document = {**DOCUMENT, "token_endpoint_auth_methods_supported": value}

    assert read_metadata(document, PUBLIC).token_auth_methods == expected


@pytest.mark.parametrize(("value", "expected"), [(True, True), (False, False), ("true", False)])
def test_whether_answers_name_their_issuer(value, expected):
    document = {**DOCUMENT, "authorization_response_iss_parameter_supported": value}

    assert read_metadata(document, PUBLIC).answers_with_issuer is expected


async def test_nothing_is_fetched_before_it_is_needed_and_then_kept(hostile, http, clock):
    discovery = Discovery(Addresses(hostile.issuer), http, clock)
    assert hostile.requests == []

    first = await discovery.metadata()
    hostile.wrongs.failures = {"/.well-known/openid-configuration": "500"}
    clock.ahead_s = 10_000

    assert await discovery.metadata() == first


async def test_a_provider_that_comes_back_is_used_at_once(hostile, http, clock):
    discovery = Discovery(Addresses(hostile.issuer), http, clock)
    hostile.wrongs.failures = {"/.well-known/openid-configuration": "500"}
    for _ in range(5):
        with pytest.raises(ProviderUnavailableError):
            await discovery.metadata()
    assert len(hostile.requests) == 1

    hostile.wrongs.failures = {}
    clock.ahead_s = 3.1
    assert (await discovery.metadata()).issuer == hostile.issuer


@pytest.mark.parametrize(
    ("issuer", "supported", "prompt"),
    [
        (ISSUER, None, "login"),
        (ISSUER, ["none", "login"], "login"),
        (ISSUER, ["none", "select_account"], "select_account"),
        (ISSUER, "login", "login"),
        ("https://accounts.google.com", None, "select_account"),
    ],
)
def test_how_a_user_is_asked_to_sign_in_again(issuer, supported, prompt):
    document = {**DOCUMENT, "issuer": issuer, "prompt_values_supported": supported}

    assert read_metadata(document, Addresses(issuer)).login_prompt == prompt


INSIDE = Addresses(ISSUER, "http://idp:8080/oidc")


def test_a_browser_gets_public_addresses_whatever_is_published():
    published = {
        "authorization_endpoint": "http://idp:8080/oidc/auth",
        "end_session_endpoint": "http://idp:8080/logout?x=1",
        "token_endpoint": "http://idp:8080/oidc/token",
        "userinfo_endpoint": "https://id.example.com/me",
    }

    found = read_metadata({**DOCUMENT, **published}, INSIDE)

    assert found.authorization_endpoint == "https://id.example.com/oidc/auth"
    assert found.end_session_endpoint == "https://id.example.com/logout?x=1"
    # Called as published, see reach.py for those that begin with the issuer.
    assert found.token_endpoint == "http://idp:8080/oidc/token"
    assert found.userinfo_endpoint == "https://id.example.com/me"


@pytest.mark.parametrize("value", ["http://idp:8081/oidc/token", "http://idp/oidc", "http://x/"])
def test_plain_http_is_called_at_the_internal_address_only(value):
    with pytest.raises(ProviderUnavailableError):
        read_metadata({**DOCUMENT, "token_endpoint": value}, INSIDE)


def test_the_internal_address_is_no_issuer():
    with pytest.raises(IssuerMisconfiguredError, match="set its public URL there"):
        read_metadata({**DOCUMENT, "issuer": "http://idp:8080/oidc"}, INSIDE)


@pytest.mark.parametrize(
    ("aliases", "token", "userinfo"),
    [
        ({}, "https://id.example.com/token", None),
        ([], "https://id.example.com/token", None),
        (
            {
                "token_endpoint": "https://mtls.example.com/token",
                "userinfo_endpoint": "https://mtls.example.com/me",
                "issuer": "https://evil.example",
                "jwks_uri": "https://evil.example/jwks",
            },
            "https://mtls.example.com/token",
            "https://mtls.example.com/me",
        ),
    ],
)
def test_a_client_with_a_certificate_takes_the_addresses_that_ask_for_it(aliases, token, userinfo):
    document = with_mutual_tls({**DOCUMENT, "mtls_endpoint_aliases": aliases})

    found = read_metadata(document, PUBLIC)

    assert (found.token_endpoint, found.userinfo_endpoint) == (token, userinfo)
    assert found.jwks_uri == DOCUMENT["jwks_uri"]


def test_an_address_for_certificates_is_judged_like_the_others():
    aliases = {"token_endpoint": "http://mtls.example.com/token"}

    with pytest.raises(ProviderUnavailableError):
        read_metadata(with_mutual_tls({**DOCUMENT, "mtls_endpoint_aliases": aliases}), PUBLIC)
