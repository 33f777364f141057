"""Which fields of a request never reach an app as the client sent them.  Pure.

All names are folded (`gateway.message.fields.fold`).  They are stripped on every route, public
ones too, trailers included, whether or not the gateway sets them this time.
"""

# What apps behind a proxy read as identity, as the original request, or as another method.
IDENTITY_PREFIXES = (
    b"remote-",
    b"x-remote-",
    b"x-auth-",
    b"x-forwarded-",
    b"x-authenticated-",
    b"x-webauth-",
    b"gatepost-",
)
IDENTITY_NAMES = frozenset(
    {
        b"forwarded",
        b"x-forwarded",
        b"x-original-url",
        b"x-original-uri",
        b"x-rewrite-url",
        b"x-override-url",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        # Addresses that frameworks believe without being told to.
        b"x-real-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"true-client-ip",
        b"client-ip",
        # CGI makes HTTP_PROXY of it (httpoxy, CVE-2016-5385).
        b"proxy",
    }
)
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
