"""Reasons from authentication and access rules."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_ANOTHER = "Get a new token from the same source, and send it in `Authorization: Bearer`."
_ASK = "If you should have access, send the reason and the request id to the operator of this site."


def _unmet(title: str, explanation: str) -> Reason:
    return Reason(403, title, explanation, _ASK)


def _step_up(explanation: str, status: int = 401) -> Reason:
    return Reason(
        status,
        "Please confirm who you are",
        explanation,
        "Sign in again. The provider will ask for what is missing.",
        sign_in=True,
    )


ACCESS: Mapping[str, Reason] = MappingProxyType(
    {
        "sign-in-required": Reason(
            401,
            "Sign-in required",
            "This address requires a sign-in or another credential.",
            "Sign in, or send one of the credentials named in `WWW-Authenticate`.",
            sign_in=True,
        ),
        "user-unusable": Reason(
            403,
            "Your user name cannot be passed on",
            "Your user name is missing, begins or ends with a space, or contains an invisible"
            " character.",
            "Change it at the provider, or set `providers.NAME.claims.user` to another claim. With"
            " `accounts.user_header: external_id`, give the account an external id.",
        ),
        "session-expired": Reason(
            401,
            "Your session has ended",
            "The session has expired, was ended, or is unknown.",
            "Sign in again.",
            sign_in=True,
        ),
        "step-up-required": Reason(
            401,
            "Please confirm who you are",
            "This address requires a stronger or more recent sign-in.",
            "Sign in again. The provider will ask for what is missing.",
            sign_in=True,
        ),
        "sign-in-requested": Reason(
            401,
            "Sign-in required",
            "This address starts a sign-in.",
            "Open it in a browser.",
            sign_in=True,
        ),
        "repeated-credential": Reason(
            400,
            "Repeated credential",
            "The request carries the same kind of credential several times.",
            "Send it once; in a browser, delete this site's cookies.",
        ),
        "unknown-credential": Reason(
            401,
            "Unknown credential",
            "The gateway does not accept this kind of credential or its issuer here.",
            "Send one of the kinds named in `WWW-Authenticate`.",
        ),
        "conflicting-credentials": Reason(
            400,
            "Conflicting credentials",
            "The request carries credentials of different accounts.",
            "Send one of them only.",
        ),
        "malformed-credential": Reason(
            401,
            "Malformed credential",
            "The credential does not have the form of its kind.",
            "Check that it was copied completely and is sent only once.",
        ),
        "invalid-token": Reason(
            401,
            "Invalid token",
            "The token is not valid here: its signature, issuer, audience or lifetime is wrong.",
            _ANOTHER,
        ),
        "token-expired": Reason(401, "Token expired", "The token has expired.", _ANOTHER),
        "token-inactive": Reason(
            401,
            "Token no longer active",
            "The provider says that this token is not valid, or no longer valid.",
            _ANOTHER,
        ),
        "not-an-access-token": Reason(
            401,
            "Not an access token",
            "An ID token, or another token that is not an access token, was sent as one.",
            "Send the access token that came with it.",
        ),
        "unknown-key": Reason(
            401,
            "Unknown API key",
            "No such API key exists, it was revoked, or its owner's account is disabled.",
            "Create a new key on the account page.",
        ),
        "key-expired": Reason(
            401,
            "API key expired",
            "The API key has expired.",
            "Create a new key on the account page.",
        ),
        "key-not-for-route": Reason(
            403,
            "This API key is for other addresses",
            "The key is limited to certain routes, and this is not one of them.",
            "Use another key.",
        ),
        "credential-throttled": Reason(
            429,
            "Too many wrong credentials",
            "Too many credentials from this address were wrong.",
            "Wait for the time in `Retry-After`, and correct the client.",
            retry_after_s=60,
        ),
    }
)

CONDITIONS: Mapping[str, Reason] = MappingProxyType(
    {
        "not-allowed": _unmet(
            "Not allowed", "None of the rules for this address gives you access."
        ),
        "denied": _unmet("Not allowed", "No one can use this address."),
        "denied-by-rule": _unmet("Not allowed", "A `deny` rule for this address applies to you."),
        "user-not-allowed": _unmet("Not allowed", "This address is for other users."),
        "email-not-allowed": _unmet("Not allowed", "This address is for other e-mail addresses."),
        "email-domain-not-allowed": _unmet(
            "Not allowed", "This address is for verified e-mail addresses of other domains."
        ),
        "group-missing": _unmet("Not allowed", "You are not in a group with access."),
        "role-missing": _unmet("Not allowed", "You do not have a role with access."),
        "scope-missing": _unmet(
            "Not allowed", "Your token or key does not have a scope that is required here."
        ),
        "claim-missing": _unmet(
            "Not allowed", "Your provider did not send a claim that is required here."
        ),
        "claim-mismatch": _unmet(
            "Not allowed",
            "Your provider sent a claim with a different value than is required here.",
        ),
        "provider-not-allowed": _unmet(
            "Not allowed", "This address is for people who signed in at another provider."
        ),
        "credential-not-allowed": _unmet(
            "Not allowed", "This address does not accept the kind of credential you used."
        ),
        "acr-not-allowed": _step_up("This address requires a stronger sign-in."),
        "amr-missing": _step_up("This address requires a sign-in method that you did not use."),
        "sign-in-too-old": _step_up("You signed in too long ago for this.", 403),
        "ip-not-allowed": _unmet("Not allowed", "This address is not open to your network."),
        "header-missing": _unmet("Not allowed", "A header field that is required here is missing."),
        "header-mismatch": _unmet(
            "Not allowed", "A header field has a different value than is required here."
        ),
        "mcp-method-not-allowed": _unmet(
            "Not allowed", "You may not send this kind of message to this MCP server."
        ),
        "mcp-tool-not-allowed": _unmet("Not allowed", "You may not call this tool here."),
        "mcp-not-read": _unmet(
            "Not allowed",
            "The rules here ask for the message in the body, which the gateway does not see: a"
            " proxy in front only asks whether the request may pass.",
        ),
        "outside-hours": _unmet(
            "Not open now", "This address is open at certain times only, and this is not one."
        ),
        "country-not-allowed": _unmet(
            "Not allowed", "This address is not open to the country of your network."
        ),
        "when-unmet": _unmet(
            "Not allowed", "You or your request do not meet what is required here."
        ),
        "fact-unreadable": _unmet(
            "Not allowed",
            "The gateway could not read a fact about you that the rules need, so it refused you.",
        ),
        "decision-failed": _unmet(
            "Not allowed", "The gateway could not evaluate the rules, so it refused access."
        ),
    }
)
