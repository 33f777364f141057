"""Names of request fields that never reach an app as the client sent them.  Pure.

All names are folded (`gateway.message.fields.fold`).  These fields are removed on every route,
public ones too, and from trailers, even if the gateway does not set them for this request.
"""

# With these, apps and servers serve another path or method than the request's.
REROUTING_NAMES = frozenset(
    {
        b"x-override-url",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        # Servers cut these off the path before the app routes it.  By default gunicorn accepts the
        # first two from its own machine (`forwarder_headers`), and Daphne the third from anyone.
        b"script-name",
        b"path-info",
        b"daphne-root-path",
    }
)
# Fields that the gateway sets, and fields that change the request's meaning.  Always removed.
_OWN_PREFIXES = (
    b"remote-",
    b"x-remote-",
    b"x-auth-",
    b"x-forwarded-",
    b"x-authenticated-",
    b"x-webauth-",
    b"gatepost-",
)
_OWN_NAMES = REROUTING_NAMES | {
    b"forwarded",
    b"x-forwarded",
    # CGI turns it into HTTP_PROXY (httpoxy, CVE-2016-5385).
    b"proxy",
}
# Fields of other proxies and gateways.  Removed unless `request_fields_kept` names them.
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
    # Routing by a service mesh (Envoy's original destination, Dapr, Linkerd).
    b"x-envoy-",
    b"dapr-",
    b"l5d-",
    # The user that a service account acts for (Kubernetes).
    b"impersonate-",
    # Client certificates that a server in front has verified.
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
    # WebSphere's plug-in sends $WSRU and others.
    b"-ws",
)
_OTHERS_NAMES = frozenset(
    {
        b"x-host",
        b"x-http-host-override",
        # Schemes and prefixes that frameworks and their middleware trust.
        b"front-end-https",
        b"x-scheme",
        b"x-url-scheme",
        b"x-script-name",
        # Client addresses that frameworks trust by default.
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
        # With these, apps skip their own rules (Next.js, CVE-2025-29927) or let a server in front
        # send a file (Rack, CVE-2025-61780).
        b"x-middleware-subrequest",
        b"x-sendfile-type",
        b"x-accel-mapping",
    }
)
IDENTITY_PREFIXES = _OWN_PREFIXES + _OTHERS_PREFIXES
IDENTITY_NAMES = _OWN_NAMES | _OTHERS_NAMES
# Hop-by-hop fields (RFC 9110, section 7.6.1), and fields that the gateway writes itself.
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
    """Whether apps may read identity, or the original request, from a field of this name."""
    return folded in IDENTITY_NAMES or folded.startswith(IDENTITY_PREFIXES)


def may_be_kept(folded: bytes) -> bool:
    """Whether an upstream may be configured to receive the client's own field of this name.

    Only fields of other proxies may be kept, never those that the gateway sets itself.
    """
    return folded in _OTHERS_NAMES or folded.startswith(_OTHERS_PREFIXES)
