"""A discovery document is the configured issuer's, byte for byte, or nothing."""

import pytest

from gateway.errors import ProviderUnavailableError
from gateway.oidc.discovery import (
    WELL_KNOWN,
    Discovery,
    oauth_well_known_url,
    read_metadata,
    well_known_url,
)
from gateway.oidc.errors import IssuerMisconfiguredError
from gateway.oidc.given_endpoints import ENDPOINTS
from gateway.oidc.internal_url import Addresses
from gateway.oidc.mutual_tls import with_mutual_tls
from gateway.oidc.reach import reached

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


OAUTH = "/.well-known/oauth-authorization-server"


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://id", f"https://id{OAUTH}"),
        ("https://id/", f"https://id{OAUTH}"),
        ("https://id/oidc", f"https://id{OAUTH}/oidc"),
        ("https://id/app/", f"https://id{OAUTH}/app"),
    ],
)
def test_where_the_document_of_oauth_is(issuer, expected):
    assert oauth_well_known_url(issuer) == expected


async def test_a_server_without_openid_connects_document_is_read_by_rfc_8414(hostile, http, clock):
    hostile.wrongs.failures = {WELL_KNOWN: "404"}
    hostile.wrongs.oauth_document = True

    found = await Discovery(Addresses(hostile.issuer), http, clock).metadata()

    assert found.token_endpoint == f"{hostile.issuer}/token"
    assert [path for _, path in hostile.requests] == [WELL_KNOWN, OAUTH]


async def test_that_document_is_the_issuers_too(hostile, http, clock):
    hostile.wrongs.failures = {WELL_KNOWN: "404"}
    hostile.wrongs.oauth_document = True
    hostile.wrongs.discovery = {"issuer": f"{hostile.issuer}/"}

    with pytest.raises(IssuerMisconfiguredError):
        await Discovery(Addresses(hostile.issuer), http, clock).metadata()


@pytest.mark.parametrize("failure", ["403", "500", "503"])
async def test_an_outage_is_no_reason_to_look_elsewhere(hostile, http, clock, failure):
    hostile.wrongs.failures = {WELL_KNOWN: failure}
    hostile.wrongs.oauth_document = True

    with pytest.raises(ProviderUnavailableError, match=f"is {failure}"):
        await Discovery(Addresses(hostile.issuer), http, clock).metadata()
    assert hostile.count(OAUTH) == 0


@pytest.mark.parametrize("failure", ["garbage", "array", "deep", "404", "redirect"])
async def test_what_is_no_document_leaves_the_first_answer(hostile, http, clock, failure):
    hostile.wrongs.failures = {WELL_KNOWN: "404", OAUTH: failure}

    with pytest.raises(IssuerMisconfiguredError, match=f"{WELL_KNOWN} is 404"):
        await Discovery(Addresses(hostile.issuer), http, clock).metadata()


async def test_inside_the_document_of_oauth_is_looked_for_there(hostile, http, clock):
    hostile.wrongs.failures = {WELL_KNOWN: "404"}
    hostile.wrongs.oauth_document = True
    hostile.wrongs.discovery = {"issuer": ISSUER}
    inside = reached(http, Addresses(ISSUER, hostile.issuer))

    found = await Discovery(Addresses(ISSUER, hostile.issuer), inside, clock).metadata()

    assert found.issuer == ISSUER
    assert hostile.count(OAUTH) == 1


GIVEN = {name: f"https://other.example.com/{name}" for name in ENDPOINTS}


async def test_with_enough_endpoints_nobody_is_asked(hostile, http, clock):
    given = {name: GIVEN[name] for name in ENDPOINTS[:3]}

    found = await Discovery(Addresses("https://id"), http, clock, given=given).metadata()

    assert (found.issuer, found.jwks_uri) == ("https://id", GIVEN["jwks_uri"])
    assert found.userinfo_endpoint is None
    assert hostile.requests == []


@pytest.mark.parametrize("name", ENDPOINTS)
async def test_one_endpoint_takes_the_place_of_the_documents(hostile, http, clock, name):
    given = {name: f"{hostile.issuer}/mine"}

    discovery = Discovery(Addresses(hostile.issuer), http, clock, given=given)
    found = await discovery.metadata()

    assert getattr(found, name) == f"{hostile.issuer}/mine"
    assert hostile.count(WELL_KNOWN) == 1


async def test_a_given_endpoint_is_not_plain_http_beside_an_https_issuer(http, clock):
    given = {**GIVEN, "token_endpoint": "http://other.example.com/token"}

    with pytest.raises(ProviderUnavailableError, match="token_endpoint may not be called"):
        await Discovery(Addresses("https://id"), http, clock, given=given).metadata()


@pytest.mark.parametrize(
    ("document", "members"),
    [
        ({}, []),
        ({"require_signed_request_object": True}, ["require_signed_request_object"]),
        ({"require_signed_request_object": "true"}, []),
        ({"response_modes_supported": ["query", "jwt"]}, []),
        ({"response_modes_supported": ["query.jwt", "jwt"]}, ["response_modes_supported"]),
        ({"response_modes_supported": []}, []),
    ],
)
def test_what_cannot_be_met_is_kept_for_the_log(document, members):
    assert [it for it, _ in read_metadata({**DOCUMENT, **document}, PUBLIC).unmet] == members
