"""Authenticators: one module per credential kind, listed in one table."""

from collections.abc import Callable, Mapping

from gateway.authn import api_key, bearer, session, token
from gateway.authn.authenticator import (
    Authenticated,
    Authenticator,
    NotPresented,
    Outcome,
    Rejected,
)
from gateway.authn.combine import GUARDED, authenticate_all, recall_all
from gateway.authn.parts import Parts

# The one place a new credential kind is named.  In this order their word counts, where one
# request has several: what the caller states in a field goes before the browser's cookie.
# None stands for a kind that the configuration does not take.
AUTHENTICATORS: Mapping[str, Callable[[Parts], Authenticator | None]] = {
    "bearer": bearer.build,
    "token": token.build,
    "api_key": api_key.build,
    "session": session.build,
}

__all__ = [
    "AUTHENTICATORS",
    "GUARDED",
    "Authenticated",
    "Authenticator",
    "NotPresented",
    "Outcome",
    "Parts",
    "Rejected",
    "authenticate_all",
    "recall_all",
]
