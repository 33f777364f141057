"""Reasons of the gateway's own tokens: why an app was given none."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_ANEW = "Have the person sign in again."
_NAMES = "Compare what the app sends with `tokens.clients`."

TOKENS: Mapping[str, Reason] = MappingProxyType(
    {
        "unknown-client": Reason(
            400, "Unknown app", "No app of this `client_id` is configured here.", _NAMES
        ),
        "unknown-redirect-uri": Reason(
            400,
            "Unknown redirect URI",
            "The app has not registered this redirect URI, character by character.",
            _NAMES,
        ),
        "invalid-subject-token": Reason(
            400,
            "Subject token not accepted",
            "The token to be exchanged is not the provider's, not for this app, has run out, or"
            " is of another type than was said.",
            "The log has what is wrong; `tokens.clients.NAME.audiences` says whom it must be for.",
        ),
        "subject-token-too-old": Reason(
            400,
            "Subject token too old",
            "The token to be exchanged was issued more than five minutes ago.",
            "Exchange a token right after the sign-in; later, use the refresh token.",
        ),
        "used-before": Reason(
            400,
            "Used before",
            "What was brought has been traded for tokens before, too long ago to be a lost answer.",
            _ANEW,
        ),
        "scope-not-granted": Reason(
            400,
            "Scope not granted",
            "A scope was asked for that the provider has not granted.",
            "Ask for fewer scopes, or for more when signing in at the provider.",
        ),
        "unknown-token": Reason(
            401,
            "Unknown token",
            "The token is not one of this gateway's, or its session is over.",
            "Use the refresh token; where that is refused too, have the person sign in again.",
        ),
        "token-of-another-client": Reason(
            400, "Token of another app", "The token was given to another app than asks.", _NAMES
        ),
        "refresh-token-reused": Reason(
            400,
            "Refresh token used twice",
            "The refresh token was used before, so that two parties have it: all tokens of its"
            " session are revoked.",
            _ANEW,
        ),
    }
)
