"""The OpenID Foundation's basic tests of an OpenID provider, as rows of ours.

Each row bears the name of a module of the plan "oidcc-basic-certification-test-plan".  Modules on
what the gateway says it does not have (request objects, dynamic registration, the `claims`
parameter) are rows that show the refusal, or are left out where the plan skips them too.
"""

from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from gateway.assembly.serving import clock
from tests.e2e.browsing import Browser
from tests.e2e.oauth_client import CALLBACK, OAuthClient
from tests.e2e.relying_party import verified
from tests.fixtures.accounts import add

SECRET = "a secret of the tests"
OTHER = "https://client.test/other?query=1"


@pytest.fixture
def world(start_standalone):
    about = {"redirect_uris": [CALLBACK, OTHER], "client_secret": SECRET}
    scopes = ["openid", "profile", "email", "groups", "offline_access"]
    gateway = start_standalone(
        tokens={
            "consent": "skip",
            "clients": {"first": {**about, "scopes": scopes}, "second": about},
        }
    )
    add(gateway, "ann", "--email", "ann@a.test")
    return World(gateway)


class World:
    """A gateway, and a client with a browser in which a person has signed in."""

    def __init__(self, gateway):
        self.gateway = gateway
        self.browser = Browser(gateway)
        self.first, self.second = (self.client(name) for name in ("first", "second"))
        assert self.browser.sign_in().status_code == 303

    def client(self, name, browser=None, **about):
        return OAuthClient(self.gateway, browser or self.browser, name, secret=SECRET, **about)

    def claims(self, client=None, **asked):
        client = client or self.first
        asked = {"scope": "openid", "nonce": "n", **asked}
        return verified(client.issuer, client.tokens(**asked)["id_token"])[1]

    def userinfo(self, scope, method="get"):
        token = self.first.tokens(scope=scope)["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{self.first.issuer}/userinfo"
        return getattr(requests, method)(url, headers=headers, timeout=30)

    def claims_after_sign_in(self, answer):
        """Those of the ID token after the sign-in that `answer` asks for."""
        return_to = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))["return_to"]
        assert self.browser.sign_in(return_to=return_to).status_code == 303
        code = self.first.told(self.browser.page(return_to))["code"]
        return verified(self.first.issuer, self.first.redeem(code)[1]["id_token"])[1]

    def error(self, **asked):
        return self.first.told(self.first.authorize(**{"scope": "openid", **asked}))["error"]


def server(world):
    claims = world.claims()
    assert claims["nonce"] == "n"
    assert claims["exp"] > clock()


def response_type_missing(world):
    assert world.error(response_type=None) == "unsupported_response_type"


def userinfo_get(world):
    assert world.userinfo("openid").json()["sub"] == world.claims()["sub"]


def userinfo_post_header(world):
    assert world.userinfo("openid", "post").status_code == 200


def userinfo_post_body(world):
    token = world.first.tokens(scope="openid")["access_token"]
    url = f"{world.first.issuer}/userinfo"
    assert requests.post(url, data={"access_token": token}, timeout=30).status_code == 200


def ensure_request_without_nonce_succeeds_for_code_flow(world):
    assert "nonce" not in world.claims(nonce=None)


def scope_profile(world):
    assert world.userinfo("openid profile").json()["preferred_username"] == "ann"


def scope_email(world):
    told = world.userinfo("openid email").json()
    assert (told["email"], told["email_verified"]) == ("ann@a.test", True)


def scope_address(world):
    # A scope that the gateway does not know is left out (OpenID Connect Core 1.0, section 5.4).
    assert "address" not in world.userinfo("openid address").json()


def scope_all(world):
    told = world.userinfo("openid profile email address phone").json()
    assert told.keys() >= {"sub", "preferred_username", "email"}


def ensure_other_scope_order_succeeds(world):
    assert world.userinfo("email openid").json()["email"] == "ann@a.test"


def display_page(world):
    assert world.claims(display="page")["sub"]


def display_popup(world):
    assert world.claims(display="popup")["sub"]


def prompt_login(world):
    before = world.claims()
    answer = world.first.authorize(scope="openid", prompt="login")
    after = world.claims_after_sign_in(answer)
    assert after["auth_time"] >= before["auth_time"]
    assert after["sub"] == before["sub"]


def prompt_none_not_logged_in(world):
    world.browser.cookies.clear()
    assert world.error(prompt="none") == "login_required"


def prompt_none_logged_in(world):
    first, second = world.claims(), world.claims(prompt="none")
    assert (first["sub"], first["auth_time"]) == (second["sub"], second["auth_time"])


def max_age_1(world):
    # As if a second had passed since the sign-in.
    answer = world.first.authorize(scope="openid", max_age="0")
    assert answer.headers["Location"].startswith("/_gatepost/sign-in?")
    assert abs(world.claims_after_sign_in(answer)["auth_time"] - clock()) < 300


def max_age_10000(world):
    first, second = world.claims(), world.claims(max_age="10000")
    assert first["auth_time"] == second["auth_time"]


def ensure_request_with_unknown_parameter_succeeds(world):
    assert world.claims(extra="foobar")["sub"]


def id_token_hint(world):
    token = world.first.tokens(scope="openid")["id_token"]
    assert world.claims(prompt="none", id_token_hint=token)["sub"]


def login_hint(world):
    assert world.claims(login_hint="ann")["sub"]


def ui_locales(world):
    assert world.claims(ui_locales="se")["sub"]


def claims_locales(world):
    assert world.claims(claims_locales="se")["sub"]


def ensure_request_with_acr_values_succeeds(world):
    answer = world.first.authorize(scope="openid", acr_values="1 2")
    # A local account has no such context: the person signs in again, and then it goes on.
    assert world.claims_after_sign_in(answer)["sub"]


def codereuse(world):
    code = world.first.code(scope="openid")
    status, _ = world.first.redeem(code)
    assert status == 200
    assert world.first.redeem(code)[1]["error"] == "invalid_grant"


def codereuse_30seconds(world):
    code = world.first.code(scope="openid")
    _, tokens = world.first.redeem(code)
    world.first.redeem(code)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    told = requests.get(f"{world.first.issuer}/userinfo", headers=headers, timeout=30)
    assert told.status_code == 401


def ensure_registered_redirect_uri(world):
    assert world.first.authorize(redirect_uri="https://client.test/unknown").status_code == 400


def redirect_uri_query_added(world):
    assert world.first.authorize(redirect_uri=CALLBACK + "?foo=bar").status_code == 400


def redirect_uri_query_mismatch(world):
    assert world.first.authorize(redirect_uri=OTHER + "2").status_code == 400


def redirect_uri_query_ok(world):
    client = world.client("first", redirect_uri=OTHER)
    answer = client.authorize(scope="openid")
    assert answer.headers["Location"].startswith(OTHER + "&code=")


def ensure_request_object_with_redirect_uri(world):
    assert world.error(request="ey.ey.") == "request_not_supported"


def unsigned_request_object_supported_correctly_or_rejected_as_unsupported(world):
    assert world.error(request="eyJhbGciOiJub25lIn0.e30.") == "request_not_supported"


def request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(world):
    assert world.error(request_uri="https://client.test/r") == "request_uri_not_supported"


def claims_essential(world):
    # Not supported, so it is ignored (OpenID Connect Core 1.0, section 5.5).
    assert "name" not in world.claims(claims='{"userinfo": {"name": {"essential": true}}}')


def ensure_client_secret_basic(world):
    assert world.first.redeem(world.first.code(scope="openid"))[0] == 200


def server_client_secret_post(world):
    client = world.client("first")
    code = client.code(scope="openid")
    client.secret = None
    assert client.redeem(code, client_secret=SECRET)[0] == 200


def ensure_post_request_succeeds(world):
    answer = world.browser.form("/_gatepost/authorize", **world.first.asked(scope="openid"))
    assert "code" in world.first.told(world.browser.page(answer.headers["Location"]))


def refresh_token(world):
    tokens = world.first.tokens(scope="openid offline_access")
    status, renewed = world.first.refresh(tokens["refresh_token"])
    assert status == 200
    assert verified(world.first.issuer, renewed["id_token"])[1]["sub"]
    # Never the refresh token of another client.
    status, refused = world.second.refresh(renewed["refresh_token"])
    assert (status, refused["error"]) == (400, "invalid_grant")


def discovery_endpoint_verification(world):
    url = f"{world.first.issuer}/.well-known/openid-configuration"
    about = requests.get(url, timeout=30).json()
    for name in (
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "userinfo_endpoint",
        "jwks_uri",
        "scopes_supported",
        "response_types_supported",
        "subject_types_supported",
        "id_token_signing_alg_values_supported",
        "claims_supported",
    ):
        assert about[name], name
    # OpenID Connect Discovery 1.0, section 3.
    assert "RS256" in about["id_token_signing_alg_values_supported"]


def rp_initiated_logout(world):
    token = world.first.tokens(scope="openid")["id_token"]
    url = f"/_gatepost/end_session?id_token_hint={token}"
    assert world.browser.page(url).status_code == 200
    assert world.browser.whoami() is None


def rp_initiated_logout_no_params(world):
    page = world.browser.page("/_gatepost/end_session")
    assert "Sign out?" in page.text
    assert world.browser.whoami()["user"] == "ann"


def rp_initiated_logout_bad_id_token_hint(world):
    url = "/_gatepost/end_session?id_token_hint=a.b.c"
    assert world.browser.page(url).status_code == 400


MODULES = [
    server,
    response_type_missing,
    userinfo_get,
    userinfo_post_header,
    userinfo_post_body,
    ensure_request_without_nonce_succeeds_for_code_flow,
    scope_profile,
    scope_email,
    scope_address,
    scope_all,
    ensure_other_scope_order_succeeds,
    display_page,
    display_popup,
    prompt_none_logged_in,
    max_age_10000,
    ensure_request_with_unknown_parameter_succeeds,
    id_token_hint,
    login_hint,
    ui_locales,
    claims_locales,
    codereuse,
    codereuse_30seconds,
    ensure_registered_redirect_uri,
    redirect_uri_query_added,
    redirect_uri_query_mismatch,
    redirect_uri_query_ok,
    ensure_request_object_with_redirect_uri,
    unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
    request_uri_unsigned_supported_correctly_or_rejected_as_unsupported,
    claims_essential,
    ensure_client_secret_basic,
    server_client_secret_post,
    ensure_post_request_succeeds,
    refresh_token,
    discovery_endpoint_verification,
    rp_initiated_logout_no_params,
    rp_initiated_logout_bad_id_token_hint,
    # These sign in or out.
    prompt_login,
    max_age_1,
    ensure_request_with_acr_values_succeeds,
    rp_initiated_logout,
    prompt_none_not_logged_in,
]


def test_each_module_of_the_basic_plan(world):
    for module in MODULES:
        # What fails names itself in the traceback.
        module(world)
