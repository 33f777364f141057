"""The user's name in the answer to a sign-in, as Apple sends it: once, and in no token; pure.

Nothing signs it, so it is a name to show and no more; the e-mail beside it is never read.
"""

import json
from collections.abc import Mapping
from dataclasses import replace

from gateway.oidc.signed_in import SignedIn

# The form's field, and the parameter that takes its place in the address of the callback.
FIELD, PARAMETER = "user", "name"
_MAX_CHARACTERS = 200
_PARTS = ("firstName", "lastName")


def name_in(parameters: Mapping[str, str]) -> str | None:
    """The name in the form's `parameters`: ``user={"name": {"firstName": …, "lastName": …}}``."""
    try:
        user = json.loads(parameters.get(FIELD, ""))
    except (ValueError, RecursionError):
        return None
    name = user.get("name") if isinstance(user, dict) else None
    if not isinstance(name, dict):
        return None
    parts = [part for it in _PARTS if isinstance(part := name.get(it), str)]
    return _shown(" ".join(parts))


def with_answered_name(signed_in: SignedIn, parameters: Mapping[str, str]) -> SignedIn:
    """`signed_in`, with the name in the callback's `parameters` if no token has one."""
    identity, name = signed_in.identity, _shown(parameters.get(PARAMETER, ""))
    if identity.name is not None or name is None:
        return signed_in
    known = replace(identity, name=name, unreadable=identity.unreadable - {"name"})
    return replace(signed_in, identity=known)


def _shown(text: str) -> str | None:
    """`text` as one line, None if nothing is left."""
    name = " ".join(text.split())
    return name if name.isprintable() and 0 < len(name) <= _MAX_CHARACTERS else None
