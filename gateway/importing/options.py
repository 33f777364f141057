"""Every documented option of oauth2-proxy, and what becomes of it: data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from gateway.importing.findings import Kind

Form = Literal["text", "flag", "list"]


@dataclass(frozen=True, slots=True)
class Known:
    """One option.

    Attributes:
        name: As in the TOML file; the environment variable is ``OAUTH2_PROXY_`` and this.
        flag: Without dashes.
        form: A ``list`` may be repeated, and is split at commas outside TOML.
        kind: What a given one is reported as; None if the translation itself reports.
        message: Why, and what to do instead.
    """

    name: str
    flag: str
    form: Form
    kind: Kind | None
    message: str


# Translated by the modules that know where it goes: name, form, and the flag if it differs.
_TRANSLATED = """
provider text
provider_display_name text
client_id text
client_secret text
client_secret_file text
jwt_key_file text
oidc_issuer_url text
oidc_email_claim text
oidc_groups_claim text
oidc_roles_claim text
user_id_claim text
scope text
prompt text
acr_values text
azure_tenant text
insecure_oidc_allow_unverified_email flag
insecure_oidc_skip_nonce flag
oidc_enabled_signing_algs list oidc-enabled-signing-alg
auth_request_response_mode text
resource text
provider_ca_files list provider-ca-file
use_system_trust_store flag
login_url text
redeem_url text
profile_url text
oidc_jwks_url text
skip_oidc_discovery flag
redirect_url text
email_domains list email-domain
authenticated_emails_file text
allowed_groups list allowed-group
allowed_roles list allowed-role
keycloak_groups list keycloak-group
gitlab_groups list gitlab-group
gitlab_projects list gitlab-project
google_groups list google-group
github_org text
github_team text
github_repo text
github_users list github-user
bitbucket_team text
bitbucket_repository text
entra_id_allowed_tenants list entra-id-allowed-tenant
entra_id_federated_token_auth flag
oidc_extra_audiences list oidc-extra-audience
upstreams list upstream
upstream_timeout text
pass_host_header flag
ssl_upstream_insecure_skip_verify flag
skip_auth_routes list skip-auth-route
skip_auth_regex list
skip_auth_preflight flag
api_routes list api-route
force_json_errors flag
trusted_proxy_ips list trusted-proxy-ip
reverse_proxy flag
real_client_ip_header text
pass_user_headers flag
pass_basic_auth flag
basic_auth_password text
prefer_email_to_user flag
pass_access_token flag
pass_authorization_header flag
set_xauthrequest flag
set_authorization_header flag
set_basic_auth flag
skip_jwt_bearer_tokens flag
extra_jwt_issuers list
cookie_expire text
cookie_domains list cookie-domain
cookie_samesite text
session_store_type text
redis_connection_url text
redis_password text
http_address text
https_address text
tls_cert_file text
tls_key_file text
tls_min_version text
metrics_address text
whitelist_domains list whitelist-domain
proxy_prefix text
"""

# Reported as they stand: what and why, then the options, in the same form.
_TOLD = """
no equal: an address never replaces a sign-in, because clients can share or forge it: those
clients must sign in too, or use an API key
    trusted_ips list trusted-ip
no equal: Gatepost reads no htpasswd file: set auth_mode: hybrid and bring the bcrypt hashes over
with `gatepost accounts import`
    htpasswd_file text
no equal: there are no htpasswd users: give groups to local accounts
    htpasswd_user_groups list htpasswd-user-group
not needed: the form is shown if auth_mode is hybrid or standalone
    display_htpasswd_form flag
differs: not copied: without a secret, Gatepost makes one in data_dir; for several machines, set
GATEPOST_SECRET (openssl rand -base64 32)
    cookie_secret text
differs: not used: without a secret, Gatepost makes one in data_dir; for several machines, set
secret_file
    cookie_secret_file text
not needed: the session cookie is Gatepost's own, and oauth2-proxy's is never read
    cookie_name text
    cookie_csrf_samesite text
no equal: the cookie is for the whole host: give each app a host of its own
    cookie_path text
not needed: cookies are Secure if public_url is https
    cookie_secure flag
not needed: the session cookie is always HttpOnly
    cookie_httponly flag
not needed: a session is refreshed when its access token nears its end
    cookie_refresh text
not needed: each sign-in has a cookie of its own, at most five
    cookie_csrf_per_request flag
not needed: a browser has at most five sign-ins in progress
    cookie_csrf_per_request_limit text
not needed: a sign-in in progress has a limit of its own
    cookie_csrf_expire text
not needed: the cookie holds a key, and the session is in the store
    session_cookie_minimal flag
no equal: name one Redis server in store, or use PostgreSQL
    redis_use_sentinel flag
    redis_sentinel_master_name text
    redis_sentinel_connection_urls list
    redis_sentinel_password text
    redis_use_cluster flag
    redis_cluster_connection_urls list
to do: write it into the URL in GATEPOST_STORE: redis://USER:PASSWORD@HOST
    redis_username text
to do: write it into the URL in store: rediss://HOST?ca_file=PATH
    redis_ca_path text
no equal: the certificate of Redis is always verified: give its CA in store:
rediss://HOST?ca_file=PATH
    redis_insecure_skip_tls_verify flag
not needed: closed connections are opened again
    redis_connection_idle_timeout text
no equal: write fixed parameters in authorize_params of the provider
    login_url_params text
not needed: Gatepost verifies the ID token, and asks nobody about the access token
    validate_url text
no equal: keys come from the provider: write its jwks_uri
    oidc_public_key_files list oidc-public-key-file
not needed: userinfo is asked once, at the sign-in
    skip_claims_from_profile_url flag
no equal: an ID token must name the client id in `aud`
    oidc_audience_claims list oidc-audience-claim
no equal: the issuer is always verified: write it exactly as the provider does
    insecure_oidc_skip_issuer_verification flag
no equal: the provider's certificate is always verified: trust its CA with tls.ca_file of the
provider
    ssl_insecure_skip_verify flag
not needed: Gatepost asks for consent if the provider needs it for refresh tokens; else write
authorize_params: {prompt: consent}
    approval_prompt text
not needed: Gatepost always uses PKCE with S256
    code_challenge_method text
    force_code_challenge_method text
not needed: Gatepost signs out at the provider's end_session_endpoint itself
    backend_logout_url text
to do: set client_key_file of the provider to the key: the client then proves itself with it
    jwt_key text
no equal: set client_key_file of the provider to the key: the client then proves itself with it
    pubjwk_url text
no equal: repositories of GitHub are not asked about
    github_token text
no equal: groups come from the token: let Entra ID put the field that you want into its `groups`
claim
    azure_graph_group_field text
no equal: Google's tokens name no groups: let a provider that knows them (Keycloak, Dex) ask
Google
    google_admin_email text
    google_service_account_json text
    google_use_application_default_credentials flag
    google_target_principal text
    google_use_organization_id flag
    google_admin_api_user_scope text
differs: a bad bearer token is always 401, never a redirect to the sign-in
    bearer_token_login_fallback flag
not needed: identity fields of clients are always removed, on public routes too
    skip_auth_strip_headers flag
not needed: WebSockets are forwarded, and closed when the session ends
    proxy_websockets flag
not needed: answers are forwarded as they arrive
    flush_interval text
not needed: the path is forwarded byte for byte; one that servers read differently is 400 where
rules differ
    proxy_raw_path flag
not needed: connections to the app are reused only where that is safe
    disable_keep_alives flag
not needed: the query is forwarded byte for byte
    allow_query_semicolons flag
no equal: redirect http to https in the proxy in front
    force_https flag
no equal: list every host in public_url: each has its own redirect URI
    relative_redirect_url flag
not needed: state has no characters that need encoding
    encode_state flag
not needed: with one provider, the sign-in goes straight on
    skip_provider_button flag
no equal: the app can verify the signed assertion in Gatepost-Assertion instead
    signature_key text
no equal: the suites are those of Mozilla's intermediate list
    tls_cipher_suites list tls-cipher-suite
no equal: metrics are on server.admin_listen, over plain http: keep it on loopback
    metrics_secure_address text
    metrics_tls_cert_file text
    metrics_tls_key_file text
differs: ask /healthz on server.admin_listen, or use `gatepost healthcheck`
    ping_path text
no equal: a User-Agent never turns authentication off: ask /healthz on server.admin_listen
    ping_user_agent text
differs: ask /readyz on server.admin_listen
    ready_path text
no equal: ask /healthz and /readyz on server.admin_listen
    gcp_healthchecks flag
no equal: pages has a name, a logo and a colour
    banner text
    footer text
    custom_templates_dir text
to do: set logo_file in pages
    custom_sign_in_logo text
not needed: error pages name a reason and a request id, and the log has the rest
    show_debug_on_error flag
not needed: Gatepost writes one JSON line for each decision (audit.file) and its log to stderr
    auth_logging flag
    request_logging flag
    standard_logging flag
    errors_to_info_log flag
no equal: Gatepost writes one JSON line for each decision (audit.file) and its log to stderr
    auth_logging_format text
    request_logging_format text
    standard_logging_format text
    exclude_logging_paths list exclude-logging-path
not needed: health checks are not in the audit
    silence_ping_logging flag
differs: set audit.file; the log goes to stderr
    logging_filename text
differs: set audit.max_bytes and audit.keep, or rotate the file with logrotate
    logging_compress flag
    logging_max_age text
    logging_max_backups text
    logging_max_size text
not needed: times are UTC
    logging_local_time flag
not needed: X-Request-Id of a trusted proxy is used
    request_id_header text
to do: import that file too: the options in it are not in this one
    config text
to do: give that file with --alpha-config: the options in it are not in this one
    alpha_config text
not needed: only prints another form of the file
    convert_config_to_alpha flag
not needed: use `gatepost check`
    config_test flag
not needed: only prints the version
    version flag
"""


def _rows() -> Iterator[tuple[str, str]]:
    """Each option's row, and the text above it."""
    above: list[str] = []
    was_row = False
    for line in _TOLD.strip().splitlines():
        is_row = line.startswith(" ")
        if is_row:
            yield line, " ".join(above)
        else:
            above = [line] if was_row else [*above, line]
        was_row = is_row


def _known(row: str, told: str) -> Known:
    name, form, *flag = row.split()
    kind, _, message = told.partition(": ")
    return Known(
        name,
        flag[0] if flag else name.replace("_", "-"),
        cast(Form, form),
        cast(Kind, kind) if kind else None,
        message,
    )


OPTIONS: Mapping[str, Known] = MappingProxyType(
    {
        known.name: known
        for known in (
            *(_known(row, "") for row in _TRANSLATED.strip().splitlines()),
            *(_known(row, told) for row, told in _rows()),
        )
    }
)

# By any name that an option has in a file, as a flag or in the environment, in TOML's spelling.
_BY_NAME = {it.flag.replace("-", "_"): it for it in OPTIONS.values()} | dict(OPTIONS)


def known_option(name: str) -> Known | None:
    """The option that is called `name`, in TOML, as a flag, or as a variable without its prefix."""
    return _BY_NAME.get(name.lower().replace("-", "_"))


def known_names() -> list[str]:
    """All names that `known_option` knows, in TOML's spelling."""
    return list(_BY_NAME)
