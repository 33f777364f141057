"""How an upstream fails a request."""

from gateway.errors import GatewayError


class UpstreamRefusedError(GatewayError):
    """The upstream could not be connected to."""

    reason = "upstream-refused"
    status = 502


class UpstreamFailedError(GatewayError):
    """The upstream broke off, or answered with what is no HTTP response."""

    reason = "upstream-failed"
    status = 502


class UpstreamTimeoutError(GatewayError):
    """The upstream did not answer in time."""

    reason = "upstream-timeout"
    status = 504
