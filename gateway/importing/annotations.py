"""Every documented annotation of ingress-nginx, and what becomes of it: data."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.importing.findings import Kind

PREFIX = "nginx.ingress.kubernetes.io/"

# Read by the translation itself.
TRANSLATED = frozenset(
    {
        "allowlist-source-range",
        "auth-realm",
        "auth-secret",
        "auth-secret-type",
        "auth-signin",
        "auth-tls-error-page",
        "auth-tls-match-cn",
        "auth-tls-pass-certificate-to-upstream",
        "auth-tls-secret",
        "auth-tls-verify-client",
        "auth-tls-verify-depth",
        "auth-type",
        "auth-url",
        "backend-protocol",
        "canary",
        "denylist-source-range",
        "enable-global-auth",
        "limit-rpm",
        "limit-rps",
        "proxy-connect-timeout",
        "proxy-read-timeout",
        "rewrite-target",
        "satisfy",
        "server-alias",
        "ssl-passthrough",
        "upstream-vhost",
        "use-regex",
        "whitelist-source-range",
    }
)

# What and why, then the annotations.
_TOLD = """
not needed: Gatepost decides itself, and each decision is fresh
    auth-cache-key auth-cache-duration auth-keepalive auth-keepalive-requests
    auth-keepalive-share-vars auth-keepalive-timeout auth-method auth-always-set-cookie
    auth-signin-redirect-param auth-request-redirect
differs: the app gets the fields of upstreams.NAME.identity.headers: write these names there
    auth-response-headers
no equal: fields for the question are Gatepost's own
    auth-proxy-set-headers
no equal: a piece of nginx's configuration: check whether it let people in or kept them out
    auth-snippet configuration-snippet server-snippet stream-snippet modsecurity-snippet
no equal: keep the firewall in front of Gatepost
    enable-modsecurity enable-owasp-core-rules modsecurity-transaction-id
no equal: the redirect must stay in the proxy in front
    app-root permanent-redirect permanent-redirect-code temporal-redirect temporal-redirect-code
    from-to-www-redirect force-ssl-redirect ssl-redirect preserve-trailing-slash
    use-port-in-redirects
to do: write cors on its routes, or let the app answer with preflight: pass
    enable-cors cors-allow-origin cors-allow-methods cors-allow-headers cors-allow-credentials
    cors-expose-headers cors-max-age
no equal: part of a canary, which must stay in the proxy in front
    canary-by-cookie canary-by-header canary-by-header-pattern canary-by-header-value canary-weight
    canary-weight-total
no equal: only requests are limited, with rate_limit
    limit-connections limit-rate limit-rate-after limit-burst-multiplier limit-allowlist
    limit-whitelist global-rate-limit global-rate-limit-key global-rate-limit-window
    global-rate-limit-ignored-cidrs
to do: set server.limits.body_bytes, which is for all apps
    proxy-body-size
not needed: bodies are forwarded as they arrive
    client-body-buffer-size proxy-buffering proxy-buffer-size proxy-buffers-number
    proxy-busy-buffers-size proxy-max-temp-file-size proxy-request-buffering proxy-http-version
    proxy-send-timeout connection-proxy-header http2-push-preload
not needed: a Service chooses the pod
    service-upstream load-balance upstream-hash-by upstream-hash-by-subset
    upstream-hash-by-subset-size affinity affinity-mode affinity-canary-behavior
    session-cookie-change-on-failure session-cookie-conditional-samesite-none
    session-cookie-domain session-cookie-expires session-cookie-max-age session-cookie-name
    session-cookie-partitioned session-cookie-path session-cookie-samesite session-cookie-secure
differs: only a refused connection is tried again
    proxy-next-upstream proxy-next-upstream-timeout proxy-next-upstream-tries
differs: redirects to the app's own address are turned to public_url: upstreams.NAME.redirects
    proxy-redirect-from proxy-redirect-to
no equal: the app's cookies are forwarded with their domain and path
    proxy-cookie-domain proxy-cookie-path
to do: set upstreams.NAME.tls
    proxy-ssl-ciphers proxy-ssl-name proxy-ssl-protocols proxy-ssl-secret proxy-ssl-server-name
    proxy-ssl-verify proxy-ssl-verify-depth
no equal: the proxy in front ends TLS
    ssl-ciphers ssl-prefer-server-ciphers
no equal: an error of the app is forwarded as it is
    custom-http-errors default-backend disable-proxy-intercept-errors
to do: set upstreams.NAME.request_headers or response_headers
    custom-headers
differs: the app gets the prefix that strip_prefix takes off, or that of a trusted proxy
    x-forwarded-prefix
not needed: every decision is one line of the audit
    enable-access-log enable-rewrite-log
to do: set tracing.otlp, which sends a span of every request
    enable-opentelemetry opentelemetry-operation-name opentelemetry-trust-incoming-span
    enable-opentracing opentracing-trust-incoming-span
no equal: requests are not mirrored
    mirror-host mirror-request-body mirror-target
no equal: apps over FastCGI are not spoken to
    fastcgi-index fastcgi-params-configmap
"""


def _told() -> dict[str, tuple[Kind, str]]:
    found: dict[str, tuple[Kind, str]] = {}
    kind, message = "", ""
    for line in _TOLD.strip().splitlines():
        if not line.startswith(" "):
            kind, _, message = line.partition(": ")
        else:
            found.update(dict.fromkeys(line.split(), (kind, message)))  # type: ignore[arg-type]
    return found


TOLD: Mapping[str, tuple[Kind, str]] = MappingProxyType(_told())
