"""Refuses unrecognised credentials: they never count as anonymous."""

from collections.abc import Iterable

from gateway.authn.authenticator import Authenticator, Rejected
from gateway.message.request import Request

# Fields in which a client sends a credential, whatever is configured (RFC 9110, 11.6.2).
AUTHORIZATION = b"authorization"
API_KEY = b"x-api-key"


def refuse_unrecognised(
    request: Request, authenticators: Iterable[Authenticator], guarded: tuple[bytes, ...]
) -> Rejected | None:
    """The rejection of the request's credential fields, or None if there is nothing wrong.

    Args:
        request: Only the form of its fields is checked.
        authenticators: Those the route accepts.
        guarded: Lower-case names of the fields that can carry a credential.
    """
    fields = request.fields
    for name in guarded:
        values = fields.all(name)
        if not values:
            continue
        if len(values) > 1:
            # An app that reads the other one would act on a credential we did not check.
            return Rejected("repeated-credential", f"{len(values)} {name!r} fields", status=400)
        if not any(authenticator.recognises(name, values[0]) for authenticator in authenticators):
            return Rejected("unknown-credential", f"no authenticator recognises {name!r}")
    return None
