"""Reasons from the request, the route or the app."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_TELL = "If it keeps failing, send the request id to the operator of this site."

REQUESTS: Mapping[str, Reason] = MappingProxyType(
    {
        "malformed-request": Reason(
            400,
            "Malformed request",
            "The request is not well-formed HTTP, or two servers could read it differently.",
            "Correct the client. The gateway does not guess what a request means.",
        ),
        "ambiguous-path": Reason(
            400,
            "Ambiguous path",
            "The path can be read in more than one way, and not every reading is allowed.",
            "Use a path without doubled slashes, dot segments, semicolons and encoded slashes.",
        ),
        "head-too-large": Reason(
            431,
            "Request head too large",
            "The request line and header fields are too long, or there are too many fields.",
            "Delete this site's cookies, or raise `server.limits.head_bytes` or `fields`.",
        ),
        "target-too-long": Reason(
            414,
            "Address too long",
            "The path and query are longer than the gateway accepts.",
            "Send long values in a body, or raise `server.limits.head_bytes`.",
        ),
        "body-too-large": Reason(
            413,
            "Request body too large",
            "The body is longer than the gateway accepts.",
            "Send less, or raise `server.limits.body_bytes`.",
        ),
        "mcp-unreadable": Reason(
            400,
            "Message not readable",
            "The rules here ask for a JSON-RPC message, and the body is none that all servers read"
            " alike.",
            "Send one JSON-RPC 2.0 message by POST, as `application/json` in UTF-8, without"
            " compression and without a member given twice.",
        ),
        "mcp-too-large": Reason(
            413,
            "Message too large",
            "The rules here ask for the JSON-RPC message, and it is longer than 64 KiB.",
            "Send less, or let a route without `mcp_method` and `mcp_tool` take such messages.",
        ),
        "mcp-mismatch": Reason(
            400,
            "Header and message differ",
            "`Mcp-Method` or `Mcp-Name` says something else than the message in the body.",
            "Correct the client: these fields repeat the body.",
        ),
        "request-timeout": Reason(
            408,
            "Request timed out",
            "The request did not arrive in time.",
            "Send it again. For slow connections, raise `server.limits.header_timeout`.",
        ),
        "unknown-host": Reason(
            421,
            "Unknown host",
            "This gateway does not serve the requested host.",
            "Check the address. The gateway serves the hosts in `public_url` and `routes[].host`. "
            "A proxy in front must pass `Host` on.",
        ),
        "untrusted-proxy": Reason(
            403,
            "Untrusted proxy",
            "This address may not ask whether a request is allowed.",
            "Add the address of the proxy in front to `server.trusted_proxies`.",
        ),
        "no-route": Reason(
            404,
            "Nothing here",
            "No route matches this address.",
            "Check the address. `gatepost explain` shows which routes were tried.",
        ),
        "method-not-allowed": Reason(
            405,
            "Method not allowed",
            "The method of this request is not allowed at this address.",
            "Use another method. If the response has `Allow`, it lists the allowed methods.",
        ),
        "unsupported-media-type": Reason(
            415,
            "Unsupported media type",
            "The endpoint cannot read a body of this type.",
            "Send the media type that the endpoint expects.",
        ),
        "method-refused": Reason(
            405,
            "Method refused",
            "The gateway does not serve CONNECT and TRACE.",
            "Use another method.",
        ),
        "gone": Reason(
            410,
            "Gone",
            "This address is no longer served.",
            "Look for its replacement in the site's documentation.",
        ),
        "rate-limited": Reason(
            429,
            "Too many requests",
            "There were more requests than this address allows in its time span.",
            "Wait for the time in `Retry-After`, then send requests more slowly.",
            retry_after_s=60,
        ),
        "cross-site": Reason(
            403,
            "Refused: it came from another site",
            "A page of another site sent this request with your session, which the gateway does not"
            " allow.",
            "Open this site and do it from there.",
        ),
        "origin-not-allowed": Reason(
            403,
            "Refused: this origin may not use the route",
            "A script of another site asked to use this address, and the site is not among those"
            " that the route names.",
            "If it should be, name its origin in the `cors` of the route.",
        ),
    }
)

UPSTREAMS: Mapping[str, Reason] = MappingProxyType(
    {
        "upstream-refused": Reason(
            502,
            "The app cannot be reached",
            "The gateway could not connect to the app behind it.",
            "Try again in a moment. " + _TELL,
        ),
        "upstream-starting": Reason(
            503,
            "The app is starting",
            "The app does not accept connections yet. It is probably being started.",
            "Wait a moment: a browser tries again by itself. Programs come back after the time in"
            " `Retry-After`. See `upstreams.NAME.wake_timeout`.",
            retry_after_s=1,
        ),
        "upstream-failed": Reason(
            502,
            "The app's answer broke off",
            "The app closed its connection or sent a response that is not valid HTTP.",
            "Try again in a moment. " + _TELL,
        ),
        "upstream-timeout": Reason(
            504,
            "The app did not answer in time",
            "The app took longer than the gateway waits for it.",
            "Try again in a moment. " + _TELL,
        ),
        "store-unavailable": Reason(
            503,
            "Sessions cannot be read just now",
            "The store with the sessions does not answer. Your session is unchanged.",
            "Try again in a moment. You do not need to sign in again. " + _TELL,
            retry_after_s=5,
        ),
        "shutting-down": Reason(
            503,
            "Restarting",
            "The gateway is shutting down and accepts no new requests.",
            "Try again in a moment.",
            retry_after_s=5,
        ),
        "too-many-connections": Reason(
            503,
            "Too busy",
            "The gateway has reached its limit of open connections.",
            "Try again in a moment.",
            retry_after_s=5,
        ),
        "internal-error": Reason(
            500,
            "Something went wrong in the gateway",
            "An error occurred in the gateway, so it refused the request.",
            _TELL,
        ),
    }
)
