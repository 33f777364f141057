"""Errors of upstreams that fail a request."""

from gateway.errors import GatewayError


class UpstreamRefusedError(GatewayError):
    """The connection to the upstream failed."""

    reason = "upstream-refused"
    status = 502


class UpstreamFailedError(GatewayError):
    """The upstream broke off, or its answer is not valid HTTP."""

    reason = "upstream-failed"
    status = 502


class UpstreamTimeoutError(GatewayError):
    """The upstream did not answer in time."""

    reason = "upstream-timeout"
    status = 504
