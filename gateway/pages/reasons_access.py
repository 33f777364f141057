"""Reasons of authentication and of the access rules."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_ANOTHER = "Get a new token where this one came from, and send it in `Authorization: Bearer`."
_ASK = "If you should have access, give the reason and the request id to whoever runs this site."


def _unmet(title: str, explanation: str) -> Reason:
    return Reason(403, title, explanation, _ASK)


def _step_up(explanation: str, status: int = 401) -> Reason:
    return Reason(
        status,
        "Please confirm who you are",
        explanation,
        "Sign in again; the provider will ask for what is missing.",
        sign_in=True,
    )


ACCESS: Mapping[str, Reason] = MappingProxyType(
    {
        "sign-in-required": Reason(
            401,
            "Sign-in required",
            "This address is only for people and programs that have proven who they are.",
            "Sign in, or send one of the credentials named in `WWW-Authenticate`.",
            sign_in=True,
        ),
        "user-unusable": Reason(
            403,
            "Your user name cannot be passed on",
            "The user name that the provider gives begins or ends with a space, or holds a"
            " character that is not shown.",
            "Have whoever runs the provider change it, or have `providers.NAME.claims.user` name"
            " another claim.",
        ),
        "session-expired": Reason(
            401,
            "Your session has ended",
            "The session is unknown here, was ended, or has run out.",
            "Sign in again.",
            sign_in=True,
        ),
        "step-up-required": Reason(
            401,
            "Please confirm who you are",
            "This address asks for a stronger or more recent sign-in than yours.",
            "Sign in again; the provider will ask for what is missing.",
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
            "The credential is of no kind, or of no issuer, that is taken here.",
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
            "The credential does not have the form its kind has.",
            "Check that it was copied whole and is sent only once.",
        ),
        "invalid-token": Reason(
            401,
            "Invalid token",
            "The token is not valid here: its signature, issuer, audience or lifetime is wrong.",
            _ANOTHER,
        ),
        "token-expired": Reason(401, "Token expired", "The token has run out.", _ANOTHER),
        "token-inactive": Reason(
            401,
            "Token no longer active",
            "The provider says that this token is not, or no longer, good.",
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
            "No such API key exists, or it was revoked.",
            "Make a new key on the account page.",
        ),
        "key-expired": Reason(
            401,
            "API key expired",
            "The API key has run out.",
            "Make a new key on the account page.",
        ),
        "key-not-for-route": Reason(
            403,
            "This API key is for other addresses",
            "The key was made for certain routes, and this is none of them.",
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
        "not-allowed": _unmet("Not allowed", "None of this route's rules lets you in."),
        "denied": _unmet("Not allowed", "Nobody may use this address."),
        "denied-by-rule": _unmet("Not allowed", "One of this route's `deny` rules is about you."),
        "user-not-allowed": _unmet("Not allowed", "This address is for other users."),
        "email-not-allowed": _unmet("Not allowed", "This address is for other e-mail addresses."),
        "email-domain-not-allowed": _unmet(
            "Not allowed", "This address is for verified e-mail addresses of other domains."
        ),
        "group-missing": _unmet("Not allowed", "You are in none of the groups that may use this."),
        "role-missing": _unmet("Not allowed", "You have none of the roles that may use this."),
        "scope-missing": _unmet(
            "Not allowed", "Your token or key does not have the scope that is needed here."
        ),
        "claim-missing": _unmet(
            "Not allowed", "Your provider did not say something about you that is needed here."
        ),
        "claim-mismatch": _unmet(
            "Not allowed", "Your provider says something else about you than is needed here."
        ),
        "provider-not-allowed": _unmet(
            "Not allowed", "This address is for people who signed in at another provider."
        ),
        "credential-not-allowed": _unmet(
            "Not allowed", "This address does not take the kind of credential you used."
        ),
        "acr-not-allowed": _step_up("This address asks for a stronger sign-in than yours."),
        "amr-missing": _step_up("This address asks for a means of sign-in that you did not use."),
        "sign-in-too-old": _step_up("You signed in too long ago for this.", 403),
        "ip-not-allowed": _unmet("Not allowed", "This address is not open to your network."),
        "header-missing": _unmet("Not allowed", "A field that is needed here was not sent."),
        "header-mismatch": _unmet(
            "Not allowed", "A field was sent with another value than needed."
        ),
        "fact-unreadable": _unmet(
            "Not allowed",
            "Something the rules ask about you could not be read, and so counts against you.",
        ),
        "decision-failed": _unmet(
            "Not allowed", "The rules could not be decided, and so the request was refused."
        ),
    }
)
