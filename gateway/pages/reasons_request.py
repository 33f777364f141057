"""Reasons that lie with the message, the route or the app behind it."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_TELL = "If it goes on, give the request id to whoever runs this site."

REQUESTS: Mapping[str, Reason] = MappingProxyType(
    {
        "malformed-request": Reason(
            400,
            "Malformed request",
            "The request is not well-formed HTTP, or two servers could read it apart.",
            "Correct the client; the gateway never guesses what was meant.",
        ),
        "ambiguous-path": Reason(
            400,
            "Ambiguous path",
            "The path can be read in more than one way, and the readings fall under different"
            " rules.",
            "Ask for the path without doubled slashes, dot segments, semicolons and encoded"
            " slashes.",
        ),
        "head-too-large": Reason(
            431,
            "Request head too large",
            "The request line and fields are longer, or more, than the gateway accepts.",
            "Delete this site's cookies, or raise `server.limits.head_bytes` or `fields`.",
        ),
        "target-too-long": Reason(
            414,
            "Address too long",
            "The path and query are longer than the gateway accepts.",
            "Send what is long in a body, or raise `server.limits.head_bytes`.",
        ),
        "body-too-large": Reason(
            413,
            "Request body too large",
            "The body is longer than the gateway accepts.",
            "Send less, or raise `server.limits.body_bytes`.",
        ),
        "request-timeout": Reason(
            408,
            "Request timed out",
            "The request did not arrive in time.",
            "Send it again; on a slow line raise `server.limits.header_timeout`.",
        ),
        "unknown-host": Reason(
            421,
            "Unknown host",
            "This gateway does not serve the host that was asked for.",
            "Check the address; the hosts served are those of `public_url` and `routes[].host`.",
        ),
        "no-route": Reason(
            404,
            "Nothing here",
            "No route covers this address.",
            "Check the address; `gatepost explain` shows which routes were tried.",
        ),
        "method-not-allowed": Reason(
            405,
            "Method not allowed",
            "The method of this request is not allowed at this address.",
            "Use another method; the `Allow` field names them where there is one.",
        ),
        "unsupported-media-type": Reason(
            415,
            "Unsupported media type",
            "The endpoint cannot read a body of this type.",
            "Send the media type the endpoint asks for.",
        ),
        "method-refused": Reason(
            405,
            "Method refused",
            "CONNECT and TRACE are never served here.",
            "Use another method.",
        ),
        "gone": Reason(
            410,
            "Gone",
            "This address is no longer served.",
            "Look for its successor in the site's documentation.",
        ),
        "rate-limited": Reason(
            429,
            "Too many requests",
            "There were more requests than this route allows in its time span.",
            "Wait for the time in `Retry-After`, then go on more slowly.",
            retry_after_s=60,
        ),
        "cross-site": Reason(
            403,
            "Refused: it came from another site",
            "A page of another site asked for this in your name, and your session does not speak"
            " for other sites.",
            "Open this site itself and do it from there.",
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
        "upstream-failed": Reason(
            502,
            "The app's answer broke off",
            "The app closed its connection or answered with something that is not HTTP.",
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
            "The place where sessions are kept does not answer; your session was not touched.",
            "Try again in a moment; there is no need to sign in again. " + _TELL,
            retry_after_s=5,
        ),
        "shutting-down": Reason(
            503,
            "Restarting",
            "The gateway is shutting down and takes no new requests.",
            "Try again in a moment.",
            retry_after_s=5,
        ),
        "too-many-connections": Reason(
            503,
            "Too busy",
            "The gateway has as many connections open as it is allowed.",
            "Try again in a moment.",
            retry_after_s=5,
        ),
        "internal-error": Reason(
            500,
            "Something went wrong in the gateway",
            "The gateway met an error of its own, and so refused the request.",
            _TELL,
        ),
    }
)
