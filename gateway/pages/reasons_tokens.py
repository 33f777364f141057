"""Reasons why an app gets no tokens."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_ANEW = "Let the user sign in again."
_NAMES = "Compare what the app sends with `tokens.clients`."

TOKENS: Mapping[str, Reason] = MappingProxyType(
    {
        "unknown-client": Reason(
            400,
            "Unknown app",
            "No app with this `client_id` is known here.",
            "Compare what the app sends with `tokens.clients`; if it is a URL, its host with"
            " `tokens.metadata_documents`.",
        ),
        "client-document-refused": Reason(
            400,
            "Unknown app",
            "The document at the app's `client_id` is not one of an app that may sign people in"
            " here.",
            "The log says what is wrong with it.",
        ),
        "client-document-unreachable": Reason(
            503,
            "App not reachable",
            "The document at the app's `client_id` could not be fetched.",
            "Try again in a minute. The log says why.",
            retry_after_s=60,
        ),
        "client-documents-throttled": Reason(
            429,
            "Too many new apps",
            "Too many apps that are not known yet asked to sign somebody in.",
            "Try again in a minute.",
            retry_after_s=60,
        ),
        "invalid-client-metadata": Reason(
            400,
            "Invalid client metadata",
            "What the app says about itself cannot be registered.",
            "`error_description` says what is wrong.",
        ),
        "registrations-throttled": Reason(
            429,
            "Too many registrations",
            "One address registers at most ten apps in an hour.",
            "Use the `client_id` that the app has already, or wait.",
            retry_after_s=360,
        ),
        "too-many-registrations": Reason(
            503,
            "Too many registrations",
            "A thousand apps have registered and never signed anybody in.",
            "Remove them with `gatepost apps revoke --unused`.",
            retry_after_s=3600,
        ),
        "unknown-redirect-uri": Reason(
            400,
            "Unknown redirect URI",
            "This redirect URI does not match one of the app exactly.",
            _NAMES,
        ),
        "wrong-client-secret": Reason(
            401,
            "Wrong client secret",
            "The app has a secret, and sent none or another one.",
            "Compare it with `tokens.clients.NAME.client_secret_file`.",
        ),
        "wrong-client-assertion": Reason(
            401,
            "Client not proven",
            "The app has a key, and its `client_assertion` is missing, wrong, too old or used"
            " before.",
            "See the log. Compare its key with `tokens.clients.NAME.client_key_file`.",
        ),
        "unknown-code": Reason(
            400,
            "Unknown code",
            "The code was never issued here, or more than a minute ago.",
            "Redeem a code at once. " + _ANEW,
        ),
        "code-reused": Reason(
            400,
            "Code used twice",
            "The code was used before and may be stolen, so all tokens that it gave are revoked.",
            _ANEW,
        ),
        "wrong-code-verifier": Reason(
            400,
            "Wrong code verifier",
            "The `code_verifier` is not the one that the `code_challenge` was made from.",
            "Send the verifier of the same sign-in (RFC 7636).",
        ),
        "resource-gone": Reason(
            400,
            "Resource is gone",
            "The MCP server that the token is for is no longer served here.",
            _ANEW,
        ),
        "resource-not-granted": Reason(
            400,
            "Resource not granted",
            "The token was not granted for this `resource`.",
            "Ask for it at `authorize` first.",
        ),
        "scope-gone": Reason(
            400,
            "Scope is gone",
            "The app may no longer have a scope that the token was granted for.",
            _ANEW,
        ),
        "token-not-for-resource": Reason(
            401,
            "Token for another resource",
            "The token is for another `resource`: those of MCP servers are good there alone.",
            "Ask for one with the `resource` that `resource_metadata` in this response names.",
        ),
        "consent-lapsed": Reason(
            400,
            "Request expired",
            "This request was for another account, or is more than an hour old.",
            "Go back to the app and start again.",
        ),
        "device-waits": Reason(
            400,
            "Not answered yet",
            "The person has not yet answered whether the device may act for them.",
            "Ask again after `interval` seconds (RFC 8628).",
        ),
        "device-polls-too-fast": Reason(
            400,
            "Asked too soon",
            "The device asked again before its interval was over.",
            "Wait five seconds longer from now on (RFC 8628).",
        ),
        "device-denied": Reason(
            400,
            "Denied",
            "The person does not let the device act for them.",
            "Start again if it was a mistake.",
        ),
        "device-code-expired": Reason(
            400,
            "Device code expired",
            "Nobody answered within ten minutes.",
            "Start again, and type the code at once.",
        ),
        "device-not-allowed": Reason(
            400,
            "No sign-in on other devices",
            "Nobody may sign in for this app on another device.",
            "Set `tokens.clients.NAME.device: true` if it has no browser.",
        ),
        "resource-not-allowed": Reason(
            403,
            "Not for you",
            "You may not use what the device asks for.",
            "Sign in with another account, or ask the operator of this site.",
        ),
        "invalid-subject-token": Reason(
            400,
            "Subject token not accepted",
            "The token to exchange is not the provider's, is not for this app, has expired, or has"
            " a different type than declared.",
            "See the log. The token must be for one of `tokens.clients.NAME.audiences`.",
        ),
        "subject-token-too-old": Reason(
            400,
            "Subject token too old",
            "The token to exchange was issued more than five minutes ago.",
            "Exchange a token right after the sign-in. Later, use the refresh token.",
        ),
        "used-before": Reason(
            400,
            "Used before",
            "This code or token was already exchanged, too long ago for a lost response.",
            _ANEW,
        ),
        "scope-not-granted": Reason(
            400,
            "Scope not granted",
            "The provider has not granted a requested scope.",
            "Request fewer scopes, or request more when signing in at the provider.",
        ),
        "unknown-token": Reason(
            401,
            "Unknown token",
            "The token is not one of this gateway's, or its session has ended.",
            "Use the refresh token. If that is refused too, let the user sign in again.",
        ),
        "token-of-another-client": Reason(
            400, "Token of another app", "The token belongs to another app.", _NAMES
        ),
        "refresh-token-reused": Reason(
            400,
            "Refresh token used twice",
            "The refresh token was used before and may be stolen, so all tokens of its session are"
            " revoked.",
            _ANEW,
        ),
    }
)
