"""The names that oauth2-proxy and ingress-nginx document: facts about them, as data."""

# Flags, of all documented versions.
FLAGS = """
acr-values allow-query-semicolons allowed-group allowed-role alpha-config api-route approval-prompt
auth-logging auth-logging-format auth-request-response-mode authenticated-emails-file
azure-graph-group-field azure-tenant backend-logout-url banner basic-auth-password
bearer-token-login-fallback bitbucket-repository bitbucket-team client-id client-secret
client-secret-file code-challenge-method config config-test convert-config-to-alpha
cookie-csrf-expire cookie-csrf-per-request cookie-csrf-per-request-limit cookie-csrf-samesite
cookie-domain cookie-expire cookie-httponly cookie-name cookie-path cookie-refresh cookie-samesite
cookie-secret cookie-secret-file cookie-secure custom-sign-in-logo custom-templates-dir
disable-keep-alives display-htpasswd-form email-domain encode-state entra-id-allowed-tenant
entra-id-federated-token-auth errors-to-info-log exclude-logging-path extra-jwt-issuers
flush-interval footer force-code-challenge-method force-https force-json-errors gcp-healthchecks
github-org github-repo github-team github-token github-user gitlab-group gitlab-project
google-admin-api-user-scope google-admin-email google-group google-service-account-json
google-target-principal google-use-application-default-credentials google-use-organization-id
htpasswd-file htpasswd-user-group http-address https-address insecure-oidc-allow-unverified-email
insecure-oidc-skip-issuer-verification insecure-oidc-skip-nonce jwt-key jwt-key-file keycloak-group
logging-compress logging-filename logging-local-time logging-max-age logging-max-backups
logging-max-size login-url metrics-address metrics-secure-address metrics-tls-cert-file
metrics-tls-key-file oidc-audience-claim oidc-email-claim oidc-enabled-signing-alg
oidc-extra-audience oidc-groups-claim oidc-issuer-url oidc-jwks-url oidc-public-key-file
oidc-roles-claim pass-access-token pass-authorization-header pass-basic-auth pass-host-header
pass-user-headers ping-path ping-user-agent prefer-email-to-user profile-url prompt provider
provider-ca-file provider-display-name proxy-prefix proxy-websockets pubjwk-url ready-path
real-client-ip-header redeem-url redirect-url redis-ca-path redis-cluster-connection-urls
redis-connection-idle-timeout redis-connection-url redis-insecure-skip-tls-verify redis-password
redis-sentinel-connection-urls redis-sentinel-master-name redis-sentinel-password redis-use-cluster
redis-use-sentinel redis-username relative-redirect-url request-id-header request-logging
request-logging-format resource reverse-proxy scope session-cookie-minimal session-store-type
set-authorization-header set-basic-auth set-xauthrequest show-debug-on-error signature-key
silence-ping-logging skip-auth-preflight skip-auth-regex skip-auth-route skip-auth-strip-headers
skip-claims-from-profile-url skip-jwt-bearer-tokens skip-oidc-discovery skip-provider-button
ssl-insecure-skip-verify ssl-upstream-insecure-skip-verify standard-logging standard-logging-format
tls-cert-file tls-cipher-suite tls-key-file tls-min-version trusted-ip trusted-proxy-ip upstream
upstream-timeout use-system-trust-store user-id-claim validate-url version whitelist-domain
""".split()  # noqa: SIM905 - names are read more easily so

# The names in TOML and variables that are not the flag with underscores.
PLURALS = """
allowed_groups allowed_roles api_routes cookie_domains email_domains entra_id_allowed_tenants
exclude_logging_paths github_users gitlab_groups gitlab_projects google_groups htpasswd_user_groups
keycloak_groups oidc_audience_claims oidc_enabled_signing_algs oidc_extra_audiences
oidc_public_key_files provider_ca_files skip_auth_routes tls_cipher_suites trusted_ips
trusted_proxy_ips upstreams whitelist_domains
""".split()  # noqa: SIM905 - names are read more easily so

PROVIDERS = """
adfs apple arcgis azure bitbucket cidaas digitalocean discord entra-id facebook gitea github gitlab
google keycloak keycloak-oidc linkedin login.gov nextcloud oidc proconnect sourcehut
""".split()  # noqa: SIM905 - names are read more easily so

ANNOTATIONS = """
server-alias allowlist-source-range backend-protocol auth-realm auth-secret auth-secret-type
auth-type canary canary-by-cookie canary-by-header canary-by-header-pattern canary-by-header-value
canary-weight canary-weight-total auth-tls-error-page auth-tls-match-cn
auth-tls-pass-certificate-to-upstream auth-tls-secret auth-tls-verify-client auth-tls-verify-depth
client-body-buffer-size configuration-snippet connection-proxy-header cors-allow-credentials
cors-allow-headers cors-allow-methods cors-allow-origin cors-expose-headers cors-max-age enable-cors
custom-http-errors custom-headers default-backend denylist-source-range
disable-proxy-intercept-errors enable-global-auth auth-always-set-cookie auth-cache-duration
auth-cache-key auth-keepalive auth-keepalive-requests auth-keepalive-share-vars
auth-keepalive-timeout auth-method auth-proxy-set-headers auth-request-redirect
auth-response-headers auth-signin auth-signin-redirect-param auth-snippet auth-url fastcgi-index
fastcgi-params-configmap http2-push-preload load-balance enable-access-log enable-rewrite-log
mirror-host mirror-request-body mirror-target enable-modsecurity enable-owasp-core-rules
modsecurity-snippet modsecurity-transaction-id enable-opentelemetry opentelemetry-operation-name
opentelemetry-trust-incoming-span enable-opentracing opentracing-trust-incoming-span
proxy-body-size proxy-buffer-size proxy-buffering proxy-buffers-number proxy-connect-timeout
proxy-cookie-domain proxy-cookie-path proxy-http-version proxy-max-temp-file-size
proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries proxy-read-timeout
proxy-redirect-from proxy-redirect-to proxy-request-buffering proxy-send-timeout proxy-ssl-ciphers
proxy-ssl-name proxy-ssl-protocols proxy-ssl-secret proxy-ssl-server-name proxy-ssl-verify
proxy-ssl-verify-depth limit-allowlist limit-whitelist limit-burst-multiplier limit-connections
limit-rate limit-rate-after limit-rpm limit-rps global-rate-limit global-rate-limit-window
global-rate-limit-key global-rate-limit-ignored-cidrs from-to-www-redirect permanent-redirect
permanent-redirect-code temporal-redirect temporal-redirect-code app-root force-ssl-redirect
preserve-trailing-slash rewrite-target ssl-redirect use-regex ssl-ciphers ssl-prefer-server-ciphers
ssl-passthrough satisfy server-snippet service-upstream affinity affinity-canary-behavior
affinity-mode session-cookie-change-on-failure session-cookie-conditional-samesite-none
session-cookie-domain session-cookie-expires session-cookie-max-age session-cookie-name
session-cookie-partitioned session-cookie-path session-cookie-samesite session-cookie-secure
stream-snippet upstream-hash-by upstream-hash-by-subset upstream-hash-by-subset-size upstream-vhost
use-port-in-redirects whitelist-source-range x-forwarded-prefix
""".split()  # noqa: SIM905 - names are read more easily so
