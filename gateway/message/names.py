"""Which fields of a request never reach an app as the client sent them.  Pure.

All names are folded (`gateway.message.fields.fold`).  They are removed on every route, public
ones too, trailers included, whether or not the gateway sets them this time.
"""

# What the gateway itself says of a request, and what makes another request of it.  Always removed.
_OWN_PREFIXES = (
    b"remote-",
    b"x-remote-",
    b"x-auth-",
    b"x-forwarded-",
    b"x-authenticated-",
    b"x-webauth-",
    b"gatepost-",
)
_OWN_NAMES = frozenset(
    {
        b"forwarded",
        b"x-forwarded",
        b"x-override-url",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        # CGI makes HTTP_PROXY of it (httpoxy, CVE-2016-5385).
        b"proxy",
        # What an app's server cuts off the path before the app routes it: gunicorn takes the first
        # two from its own machine by default (`forwarder_headers`), Daphne the third from anybody.
        b"script-name",
        b"path-info",
        b"daphne-root-path",
    }
)
# What other proxies and gateways say.  Removed unless `request_fields_kept` names them.
_OTHERS_PREFIXES = (
    b"x-original-",
    b"x-rewrite-",
    b"x-authentik-",
    b"x-authelia-",
    b"cf-access-",
    b"x-pomerium-",
    b"tailscale-user-",
    b"x-goog-authenticated-",
    b"x-amzn-oidc-",
    b"x-ms-client-principal",
    b"x-vouch-",
    b"x-consumer-",
    b"x-credential-",
    b"x-proxy-user",
    b"x-proxy-roles",
    b"oidc-",
    b"x-appengine-",
    # Where a mesh sends a request (Envoy's original destination, Dapr, Linkerd), and from where.
    b"x-envoy-",
    b"dapr-",
    b"l5d-",
    # Whom a service account speaks for (Kubernetes).
    b"impersonate-",
    # Whose certificate a server in front has verified.
    b"ssl-client-",
    b"x-ssl-",
    b"x-client-cert",
    b"x-client-dn",
    b"x-client-verify",
    b"x-arr-clientcert",
    b"x-amzn-mtls-",
    b"ms-aspnetcore-",
    b"proxy-auth-cert",
    b"wl-proxy-",
    # WebSphere's plug-in writes $WSRU and others.
    b"-ws",
)
_OTHERS_NAMES = frozenset(
    {
        b"x-host",
        b"x-http-host-override",
        # Schemes and prefixes that frameworks and their middleware believe.
        b"front-end-https",
        b"x-scheme",
        b"x-url-scheme",
        b"x-script-name",
        # Addresses that frameworks believe without being told to.
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-originating-ip",
        b"true-client-ip",
        b"client-ip",
        b"cf-connecting-ip",
        b"fastly-client-ip",
        b"fly-client-ip",
        b"do-connecting-ip",
        b"proxy-client-ip",
        b"x-proxyuser-ip",
        b"x-azure-clientip",
        b"forwarded-for",
        # By these, apps pass over their own rules (Next.js, CVE-2025-29927) or leave what they send
        # to a server in front (Rack, CVE-2025-61780).
        b"x-middleware-subrequest",
        b"x-sendfile-type",
        b"x-accel-mapping",
    }
)
IDENTITY_PREFIXES = _OWN_PREFIXES + _OTHERS_PREFIXES
IDENTITY_NAMES = _OWN_NAMES | _OTHERS_NAMES
# RFC 9110, section 7.6.1, and what the gateway writes itself.
CONNECTION_NAMES = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authorization",
        b"te",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
        b"host",
        b"content-length",
        b"expect",
        b"cookie",
        b"x-request-id",
        b"traceparent",
        b"tracestate",
    }
)


def is_identity_name(folded: bytes) -> bool:
    """Whether apps read identity, or the original request, from a field of this name."""
    return folded in IDENTITY_NAMES or folded.startswith(IDENTITY_PREFIXES)


def may_be_kept(folded: bytes) -> bool:
    """Whether an upstream may ask for the client's own field of this name.

    It may for what other proxies say, never for what the gateway says itself.
    """
    return folded in _OTHERS_NAMES or folded.startswith(_OTHERS_PREFIXES)
