"""What becomes of oauth2-proxy's options."""

import re

import pytest

from gateway.importing.options import OPTIONS, known_option
from gateway.importing.providers import PROVIDERS
from gateway.oidc.configured import given_endpoints
from tests.importing.conftest import run_check
from tests.importing.documented import FLAGS, PLURALS
from tests.importing.documented import PROVIDERS as DOCUMENTED_PROVIDERS

BASE = """\
provider = "oidc"
oidc_issuer_url = "https://id.example.com"
client_id = "notes"
client_secret = "s3cr3t-v4lue"
redirect_url = "https://notes.example.com/oauth2/callback"
upstreams = ["http://127.0.0.1:3000/"]
email_domains = ["*"]
"""
ALL = f"""{BASE}
cookie_secret = "c00kie-v4lue"
basic_auth_password = "b4sic-v4lue"
redis_password = "r3dis-v4lue"
redis_connection_url = "redis://redis:6379"
session_store_type = "redis"
cookie_expire = "24h0m0s"
cookie_domains = [".example.com"]
allowed_groups = ["/staff", "role:admin"]
skip_auth_routes = ["GET=^/healthz$", "^/public/", "POST!=^/x"]
api_routes = ["^/api"]
skip_auth_preflight = true
skip_jwt_bearer_tokens = true
extra_jwt_issuers = ["https://other.example.com=api"]
reverse_proxy = true
pass_access_token = true
http_address = "0.0.0.0:4180"
metrics_address = "127.0.0.1:9100"
trusted_ips = ["10.0.0.0/8"]
scope = "openid email groups"
prompt = "login"
"""


def main_access(imported):
    """The rule for what no other rule is for."""
    return imported.data["routes"][-1]["access"]


@pytest.mark.parametrize("flag", FLAGS)
def test_every_documented_option_is_known(flag):
    known = known_option(flag)
    assert known is not None
    assert known.kind is None or known.message


def test_every_documented_name_in_toml_is_known_and_no_other_is_in_the_table():
    assert all(name in OPTIONS for name in PLURALS)
    singular = {known_option(flag).name for flag in FLAGS}
    # Two are of the structured file alone.
    assert set(OPTIONS) - singular == {"login_url_params", "proxy_raw_path"}
    assert set(DOCUMENTED_PROVIDERS) <= set(PROVIDERS)


# Values that are right for their options.
VALUES = {
    "cookie_expire": '"12h"',
    "cookie_domains": '[".example.com"]',
    "cookie_samesite": '"strict"',
    "email_domains": '["example.com"]',
    "http_address": '"0.0.0.0:1"',
    "metrics_address": '"127.0.0.1:1"',
    "pass_basic_auth": "false",
    "pass_host_header": "false",
    "pass_user_headers": "false",
    "provider": '"keycloak-oidc"',
    "tls_min_version": '"TLS1.3"',
    "trusted_proxy_ips": '["10.0.0.1"]',
    "upstream_timeout": '"5s"',
}
FORMS = {
    "flag": "true",
    "list": '["https://a.example.com/x"]',
    "text": '"https://a.example.com"',
}
# What must be there for an option to matter, or must not.
BESIDE = {
    "pass_basic_auth": "pass_user_headers = false",
    "pass_user_headers": "pass_basic_auth = false",
    "tls_cert_file": 'tls_key_file = "k"',
    "tls_key_file": 'tls_cert_file = "c"',
    "tls_min_version": 'tls_cert_file = "c"\ntls_key_file = "k"',
}


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_that_is_given_changes_the_file_or_is_reported(translate, name):
    kept = [it for it in BASE.splitlines() if not it.startswith(f"{name} =")]
    base = "\n".join([*kept, BESIDE.get(name, ""), ""])
    without = translate("oauth2-proxy", base)
    value = VALUES.get(name, FORMS[OPTIONS[name].form])
    given = translate("oauth2-proxy", f"{base}{name} = {value}\n")

    settings = [re.sub("#.*", "", it.text) for it in (without, given)]
    reported = set(given.report) - set(without.report)
    assert settings[0] != settings[1] or any(f": {name}: " in it for it in reported), given.report


def test_what_is_written_passes_check(translate, tmp_path):
    imported = translate("oauth2-proxy", ALL)
    status, output = run_check(
        tmp_path, imported.text, GATEPOST_STORE="redis://:r3dis-v4lue@redis:6379"
    )
    assert status == 0, output
    assert "https://notes.example.com/_gatepost/callback/oidc" in output
    assert not any("gatepost.yaml: to do" in it for it in imported.report)


def test_no_secret_is_copied_and_the_report_names_none(translate):
    imported = translate("oauth2-proxy", ALL)
    everything = imported.text + "".join(imported.report)
    assert "v4lue" not in everything
    for option, variable in (
        ("client_secret", "OIDC_CLIENT_SECRET"),
        ("basic_auth_password", "BASIC_AUTH_PASSWORD"),
        ("redis_password", "GATEPOST_STORE"),
        ("cookie_secret", "GATEPOST_SECRET"),
    ):
        assert imported.says(f"{option}: ", variable)


def test_a_file_of_a_secret_stays_one(translate):
    imported = translate("oauth2-proxy", BASE.replace("client_secret =", "client_secret_file ="))
    provider = imported.data["providers"]["oidc"]
    assert provider["client_secret_file"] == "s3cr3t-v4lue"
    assert "client_secret" not in provider


def test_the_report_names_line_and_option_and_ends_with_the_redirect_uri(translate):
    imported = translate("oauth2-proxy", BASE + 'trusted_ips = ["10.0.0.0/8"]\nfoo_bar = 1\n')
    assert imported.says("proxy.cfg:8: trusted_ips: no equal: ")
    assert imported.says("proxy.cfg:9: foo_bar: unknown: ")
    *_, summary, last = imported.report
    assert summary.startswith("summary: ")
    assert last == (
        "the redirect URI changes: register https://notes.example.com/_gatepost/callback/oidc"
        " (was https://notes.example.com/oauth2/callback)"
    )


def test_a_misspelt_option_is_suggested(translate):
    assert translate("oauth2-proxy", BASE + "skip_auth_rute = 1\n").says("skip_auth_route")


@pytest.mark.parametrize(
    ("lines", "access"),
    [
        ('email_domains = ["*"]', "signed_in"),
        ('email_domains = ["a.example"]', {"allow": [{"email_domain": ["a.example"]}]}),
        (
            'email_domains = ["a.example"]\nallowed_groups = ["x", "role:r"]',
            {
                "allow": [
                    {"email_domain": ["a.example"], "group": ["x"]},
                    {"email_domain": ["a.example"], "role": ["r"]},
                ]
            },
        ),
        ('email_domains = ["*"]\nallowed_roles = ["r"]', {"allow": [{"role": ["r"]}]}),
        ('email_domains = ["*"]\ngitlab_projects = ["a/b"]', "denied"),
        ('email_domains = ["*"]\ngithub_repo = "a/b"', "denied"),
        ('email_domains = ["*"]\nbitbucket_team = "a"', "denied"),
        ('email_domains = ["*"]\nentra_id_allowed_tenants = ["a"]', "denied"),
        ('email_domains = ["*"]\ngoogle_groups = ["a"]', {"allow": [{"group": ["a"]}]}),
        (
            'email_domains = ["*"]\ngithub_org = "o"\ngithub_team = "a,b"\ngithub_users = ["u"]',
            {"allow": [{"group": ["o/a", "o/b"]}, {"user": ["u"]}]},
        ),
        (
            'email_domains = ["*"]\nallowed_groups = ["a", "b"]\nkeycloak_groups = ["b", "c"]',
            {"allow": [{"group": ["b"]}]},
        ),
        (
            'email_domains = ["*"]\nallowed_groups = ["a"]\nkeycloak_groups = ["c"]',
            {"allow": [{"group": ["change-me"]}]},
        ),
        # A restriction that cannot be translated denies.
        ('email_domains = [".a.example"]', "denied"),
        ('email_domains = ["*.a.example"]', "denied"),
        ('authenticated_emails_file = "missing"', "denied"),
        ("", "denied"),
    ],
)
def test_nobody_enters_who_could_not_before(translate, lines, access):
    imported = translate("oauth2-proxy", BASE.replace('email_domains = ["*"]\n', "") + lines)
    assert main_access(imported) == access
    imported.settings()


def test_the_addresses_of_a_file_become_a_rule(translate, tmp_path):
    (tmp_path / "mails").write_text("# people\nkim@example.com\n\nno address\nbo@example.com\n")
    text = BASE.replace('email_domains = ["*"]', 'authenticated_emails_file = "mails"')
    imported = translate("oauth2-proxy", text)
    assert main_access(imported) == {"allow": [{"email": ["kim@example.com", "bo@example.com"]}]}
    assert imported.says("authenticated_emails_file", "1 lines are no e-mail address")


def test_the_gateways_own_paths_have_no_route(translate):
    text = BASE + 'skip_auth_routes = ["^/_gatepost/x$", "^/_gatepost/", "^/open/"]\n'
    imported = translate("oauth2-proxy", text)
    assert [it["name"] for it in imported.data["routes"]] == ["skip-auth-3", "app"]
    imported.settings()


def test_trusted_addresses_never_become_public(translate):
    imported = translate("oauth2-proxy", BASE + 'trusted_ips = ["0.0.0.0/0"]\n')
    assert [it["access"] for it in imported.data["routes"]] == ["signed_in"]


@pytest.mark.parametrize("kind", DOCUMENTED_PROVIDERS)
def test_every_kind_of_provider_gives_a_file_that_is_right(translate, kind):
    text = BASE.replace('"oidc"', f'"{kind}"')
    imported = translate("oauth2-proxy", text)
    (provider,) = imported.data["providers"].values()
    if PROVIDERS[kind].why_not:
        assert provider["issuer"].endswith(".invalid")
        assert imported.says("provider: no equal: ")
    elif PROVIDERS[kind].oauth2:
        assert (provider["type"], provider["profile"]) == ("oauth2", kind)
    else:
        assert provider["issuer"] == "https://id.example.com"
    imported.settings()


def test_a_team_of_github_signs_in_there(translate):
    text = BASE.replace('"oidc"', '"github"') + 'github_org = "acme"\ngithub_team = "ops"\n'
    imported = translate("oauth2-proxy", text + 'scope = "user:email"\n')

    provider = imported.settings().providers["github"]
    assert (provider.type, provider.issuer) == ("oauth2", "https://github.com")
    assert main_access(imported) == {"allow": [{"group": ["acme/ops"]}]}
    assert imported.says("scope: differs: not taken")


@pytest.mark.parametrize(
    ("lines", "issuer"),
    [
        (
            'validate_url = "https://git.example/api/v1/user/emails"',
            "https://git.example",
        ),
        ('validate_url = "https://git.example/api/v3"', "https://change-me.invalid"),
    ],
)
def test_a_server_of_your_own_is_never_taken_for_github(translate, lines, issuer):
    login = 'login_url = "https://git.example/login/oauth/authorize"\n'
    imported = translate("oauth2-proxy", BASE.replace('"oidc"', '"github"') + login + lines)

    provider = imported.settings().providers["github"]
    assert (provider.profile, provider.issuer) == ("gitea", issuer)


@pytest.mark.parametrize(
    ("lines", "issuer"),
    [
        ('provider = "google"', "https://accounts.google.com"),
        ("", "https://accounts.google.com"),
        ('provider = "azure"\nazure_tenant = "t-1"', "https://login.microsoftonline.com/t-1/v2.0"),
        ('provider = "azure"', "https://change-me.invalid"),
        ('provider = "azure"\nazure_tenant = "../x"', "https://change-me.invalid"),
        (
            'provider = "keycloak"\nlogin_url = "https://k/realms/a/protocol/openid-connect/auth"',
            "https://k/realms/a",
        ),
        (
            'provider = "adfs"\nlogin_url = "https://a.example/adfs/oauth2/authorize"',
            "https://a.example/adfs",
        ),
        ('provider = "oidc"\noidc_issuer_url = "nonsense"', "https://change-me.invalid"),
        (
            'provider = "oidc"\noidc_issuer_url = "https://a.example/?x"',
            "https://change-me.invalid",
        ),
        ('provider = "made-up"', "https://change-me.invalid"),
    ],
)
def test_an_issuer_follows_from_the_kind_or_is_asked_for(translate, lines, issuer):
    kept = [it for it in BASE.splitlines() if not it.startswith(("provider", "oidc"))]
    imported = translate("oauth2-proxy", "\n".join([*kept, lines]))
    (provider,) = imported.data["providers"].values()
    assert provider["issuer"] == issuer
    imported.settings()


ENDPOINTS = """
login_url = "https://id.example.com/auth?tenant=a"
redeem_url = "https://id.example.com/token"
oidc_jwks_url = "https://id.example.com/keys"
profile_url = "https://id.example.com/me"
skip_oidc_discovery = true
"""


def test_endpoints_that_are_given_take_the_place_of_discovery(translate):
    imported = translate("oauth2-proxy", BASE + ENDPOINTS)
    provider = imported.settings().providers["oidc"]
    assert given_endpoints(provider) == {
        "authorization_endpoint": "https://id.example.com/auth?tenant=a",
        "token_endpoint": "https://id.example.com/token",
        "jwks_uri": "https://id.example.com/keys",
        "userinfo_endpoint": "https://id.example.com/me",
    }
    for option in ("login_url", "redeem_url", "oidc_jwks_url", "profile_url", "skip_oidc"):
        assert not imported.says(option)


@pytest.mark.parametrize(
    ("provider", "lines", "taken", "told"),
    [
        ("oidc", 'redeem_url = "https://id.example.com/t"', {"token_endpoint"}, ()),
        ("oidc", 'redeem_url = "/token"', set(), ("redeem_url: to do", "token_endpoint")),
        (
            "oidc",
            'redeem_url = "https://id.example.com/t"\nskip_oidc_discovery = true',
            {"token_endpoint"},
            ("skip_oidc_discovery: differs", "authorization_endpoint, jwks_uri"),
        ),
        (
            "azure",
            'profile_url = "https://graph.microsoft.com/v1.0/me"',
            set(),
            ("profile_url: no equal",),
        ),
        (
            "adfs",
            'oidc_issuer_url = ""\nlogin_url = "https://a.example/adfs/oauth2/authorize"\n'
            'redeem_url = "https://a.example/adfs/oauth2/token"',
            set(),
            ("redeem_url: not needed",),
        ),
    ],
)
def test_an_endpoint_is_taken_where_it_means_the_same(translate, provider, lines, taken, told):
    text = BASE.replace('"oidc"', f'"{provider}"')
    if "oidc_issuer_url" in lines:
        text = text.replace('oidc_issuer_url = "https://id.example.com"\n', "")
    imported = translate("oauth2-proxy", text + lines)
    assert set(given_endpoints(imported.settings().providers[provider])) == taken
    assert not told or imported.says(*told)


def test_a_workload_of_azure_proves_itself_with_its_token(translate):
    text = BASE.replace('"oidc"', '"entra-id"') + "entra_id_federated_token_auth = true\n"
    imported = translate("oauth2-proxy", text)
    at = "/var/run/secrets/azure/tokens/azure-identity-token"
    provider = imported.settings().providers["entra-id"]
    assert (str(provider.client_assertion_file), provider.client_secret) == (at, None)
    elsewhere = imported.settings(AZURE_FEDERATED_TOKEN_FILE="/token").providers["entra-id"]
    assert str(elsewhere.client_assertion_file) == "/token"
    assert not imported.says("client_secret: to do")


@pytest.mark.parametrize(
    ("upstreams", "expected"),
    [
        (["http://a:1/"], [("app", "/", "http://a:1")]),
        (["http://a:1"], [("app", "/", "http://a:1")]),
        (
            ["http://a:1/", "http://b:2/api/"],
            [("api", "/api", "http://b:2"), ("app", "/", "http://a:1")],
        ),
        (["unix:///run/a.sock"], [("app", "/", "unix:/run/a.sock")]),
        (
            ["https://a/", "file:///var/www/#/static/"],
            [(None, "/static", None), ("app", "/", "https://a")],
        ),
    ],
)
def test_upstreams_are_chosen_by_the_longest_path(translate, upstreams, expected):
    listed = ", ".join(f'"{it}"' for it in upstreams)
    text = BASE.replace('["http://127.0.0.1:3000/"]', f"[{listed}]")
    imported = translate("oauth2-proxy", text)
    urls = {name: it["url"] for name, it in imported.data["upstreams"].items()}
    found = [
        (it.get("upstream"), it["prefix"], urls.get(it.get("upstream")))
        for it in imported.data["routes"]
    ]
    assert found == expected
    imported.settings()


def test_what_is_not_below_an_upstreams_path_is_denied(translate):
    text = BASE.replace("127.0.0.1:3000/", "127.0.0.1:3000/app/")
    routes = translate("oauth2-proxy", text).data["routes"]
    assert [(it["prefix"], it["access"]) for it in routes] == [
        ("/app", "signed_in"),
        ("/", "denied"),
    ]


def test_static_answers_become_a_gateway_that_is_asked(translate, tmp_path):
    text = BASE.replace("http://127.0.0.1:3000/", "static://202") + "set_xauthrequest = true\n"
    imported = translate("oauth2-proxy", text)
    assert imported.data["forward_auth"] == {"dialect": "nginx"}
    assert imported.data["compatibility"] == "oauth2-proxy"
    assert imported.data["upstreams"]["app"]["identity"]["headers"] == "x-auth-request"
    status, output = run_check(tmp_path, imported.text)
    assert status == 0, output
    assert "https://notes.example.com/oauth2/callback" in output
    assert imported.says("the redirect URI may stay https://notes.example.com/oauth2/callback")


def test_the_app_gets_the_fields_that_it_got(translate):
    assert _headers(translate("oauth2-proxy", BASE)) == "x-forwarded"
    off = "pass_user_headers = false\npass_basic_auth = false\n"
    assert _headers(translate("oauth2-proxy", BASE + off)) == "none"
    more = (
        "pass_access_token = true\npass_authorization_header = true\nprefer_email_to_user = true\n"
    )
    headers = _headers(translate("oauth2-proxy", BASE + more))
    assert headers["X-Forwarded-User"] == "{email}"
    assert headers["X-Forwarded-Access-Token"] == "{access_token}"
    assert headers["Authorization"] == "Bearer {id_token}"


def _headers(imported):
    imported.settings()
    return imported.data["upstreams"]["app"]["identity"]["headers"]


def test_only_the_loopback_interface_is_listened_on_by_default(translate):
    assert translate("oauth2-proxy", BASE).data["server"]["listen"] == "127.0.0.1:4180"


def test_everybody_is_never_a_trusted_proxy(translate):
    imported = translate("oauth2-proxy", BASE + 'trusted_proxy_ips = ["0.0.0.0/0", "10.0.0.1"]\n')
    assert imported.data["server"]["trusted_proxies"] == ["10.0.0.1"]


def test_variables_of_the_old_file_are_not_filled_in(translate):
    text = BASE.replace('"notes"', '"${HOME}"')
    assert translate("oauth2-proxy", text).settings().providers["oidc"].client_id == "${HOME}"


def test_the_file_is_written_once_and_never_over_another(translate, tmp_path, monkeypatch):
    target = tmp_path / "gatepost.yaml"
    assert translate("oauth2-proxy", BASE, "-o", str(target)).text == ""
    assert "public_url: https://notes.example.com" in target.read_text()
    before = target.read_text()
    with pytest.raises(AssertionError, match="cannot be written"):
        translate("oauth2-proxy", BASE, "-o", str(target))
    assert target.read_text() == before


@pytest.mark.parametrize(
    ("lines", "setting", "expected", "said"),
    [
        ('provider_ca_files = ["ca.pem"]', "tls", {"ca_file": "ca.pem"}, ()),
        (
            'provider_ca_files = ["a.pem", "b.pem"]\nuse_system_trust_store = true',
            "tls",
            {"ca_file": "a.pem"},
            ("provider_ca_files: to do: ", "cat a.pem b.pem > ca.pem", "add the system's"),
        ),
        (
            "insecure_oidc_skip_nonce = true",
            "nonce",
            "unless_absent",
            ("insecure_oidc_skip_nonce: differs: ",),
        ),
        ("insecure_oidc_skip_nonce = false", "nonce", None, ()),
        ('auth_request_response_mode = "form_post"', "response_mode", "form_post", ()),
        ('auth_request_response_mode = "fragment"', "response_mode", None, (": no equal: ",)),
        ('oidc_enabled_signing_algs = ["ES256"]', "algorithms", ["ES256"], ()),
        (
            'oidc_enabled_signing_algs = ["HS256", "RS256"]',
            "algorithms",
            ["RS256"],
            ("oidc_enabled_signing_algs: differs: ",),
        ),
        (
            'resource = "https://a.example"',
            "authorize_params",
            {"resource": "https://a.example"},
            (),
        ),
    ],
)
def test_how_a_provider_is_reached_and_what_it_may_answer_is_kept(
    translate, lines, setting, expected, said
):
    imported = translate("oauth2-proxy", f"{BASE}{lines}\n")

    assert imported.data["providers"]["oidc"].get(setting) == expected
    assert all(any(words in it for it in imported.report) for words in said), imported.report


@pytest.mark.parametrize(
    ("lines", "issuer", "tenants", "access"),
    [
        (
            'oidc_issuer_url = "https://login.microsoftonline.com/common/v2.0"',
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            ["a-1", "b-2"],
            "signed_in",
        ),
        ("", "https://login.microsoftonline.com/{tenantid}/v2.0", ["a-1", "b-2"], "signed_in"),
        (
            'oidc_issuer_url = "https://login.microsoftonline.com/b-2/v2.0"',
            "https://login.microsoftonline.com/b-2/v2.0",
            None,
            "signed_in",
        ),
        # The issuer's tenant is not in the list, so nobody could enter.
        (
            'oidc_issuer_url = "https://login.microsoftonline.com/c-3/v2.0"',
            "https://login.microsoftonline.com/c-3/v2.0",
            None,
            "denied",
        ),
    ],
)
def test_tenants_of_entra_id_stay_the_only_ones(translate, lines, issuer, tenants, access):
    kept = [it for it in BASE.splitlines() if not it.startswith(("provider", "oidc"))]
    listed = 'provider = "entra-id"\nentra_id_allowed_tenants = ["a-1", "b-2"]'
    imported = translate("oauth2-proxy", "\n".join([*kept, listed, lines, ""]))

    (provider,) = imported.data["providers"].values()
    assert (provider["issuer"], provider.get("tenants")) == (issuer, tenants)
    assert main_access(imported) == access
    imported.settings()


@pytest.mark.parametrize(
    ("kind", "lines", "groups"),
    [
        ("github", 'github_org = "Acme"', ["acme"]),
        ("github", 'github_org = "Acme"\ngithub_team = "ops,other:Dev"', ["acme/ops", "other/dev"]),
        ("github", 'github_team = "Acme:ops"', ["acme/ops"]),
        ("github", 'allowed_groups = ["Acme", "Acme:Ops"]', ["acme", "acme/ops"]),
        ("bitbucket", 'bitbucket_team = "acme"', ["acme"]),
        ("gitlab", 'gitlab_groups = ["Acme/ops"]', ["Acme/ops"]),
    ],
)
def test_groups_are_written_as_the_profile_gives_them(translate, kind, lines, groups):
    text = BASE.replace('"oidc"', f'"{kind}"') + lines + "\n"
    imported = translate("oauth2-proxy", text)

    assert imported.data["providers"][kind]["profile"] == kind
    assert main_access(imported) == {"allow": [{"group": groups}]}
    imported.settings()
