"""Credentials nobody recognises: never anonymous on a route that asks for identity."""

from collections.abc import Collection, Iterable

from gateway.authn.authenticator import Authenticator, Rejected
from gateway.message.request import Request

# Where a caller states a credential, whatever kinds are configured (RFC 9110, section 11.6.2).
AUTHORIZATION = b"authorization"
API_KEY = b"x-api-key"


def refuse_unrecognised(
    request: Request, authenticators: Iterable[Authenticator], guarded: Collection[bytes]
) -> Rejected | None:
    """Why the request's credential fields may not stand, or None when there is nothing wrong.

    Args:
        request: Its fields are looked at only for their shape.
        authenticators: Those the route accepts.
        guarded: Names in lower case of the fields that state a credential.
    """
    for name in guarded:
        values = request.fields.all(name)
        if not values:
            continue
        if len(values) > 1:
            # Whoever reads the other one would decide on another credential than we did.
            return Rejected("repeated-credential", f"{len(values)} {name!r} fields", status=400)
        if not any(authenticator.recognises(name, values[0]) for authenticator in authenticators):
            return Rejected("unknown-credential", f"nobody recognises the {name!r} field")
    return None
