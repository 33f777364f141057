"""Endpoints that the file gives in place of a provider's discovery document; pure."""

from collections.abc import Mapping

# As members of that document (OpenID Connect Discovery 1.0, section 3).
ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
)
_ENOUGH = ENDPOINTS[:3]

Given = Mapping[str, str]


def need_no_discovery(given: Given) -> bool:
    """Whether a sign-in needs nothing but what is `given`."""
    return all(name in given for name in _ENOUGH)
