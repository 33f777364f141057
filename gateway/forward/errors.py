"""Errors of upstreams that fail a request."""

from gateway.errors import GatewayError


class UpstreamRefusedError(GatewayError):
    """The connection to the upstream failed."""

    reason = "upstream-refused"
    status = 502


class UpstreamTlsError(GatewayError):
    """The app was reached, but TLS failed: a certificate is wrong, or it speaks no TLS."""

    reason = "upstream-refused"
    status = 502


class UpstreamStartingError(GatewayError):
    """The app accepts no connections yet.  It may soon, so the client should come again."""

    reason = "upstream-starting"
    status = 503


class UpstreamFailedError(GatewayError):
    """The upstream broke off, or its answer is not valid HTTP."""

    reason = "upstream-failed"
    status = 502


class UpstreamTimeoutError(GatewayError):
    """The upstream did not answer in time."""

    reason = "upstream-timeout"
    status = 504
