"""Reasons of accounts, sessions and keys."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_ASK = "Ask whoever runs this site."

ACCOUNTS: Mapping[str, Reason] = MappingProxyType(
    {
        "account-disabled": Reason(403, "Account disabled", "This account is disabled.", _ASK),
        "not-invited": Reason(
            403,
            "By invitation only",
            "You have proven who you are, but nobody has invited this identity.",
            _ASK,
        ),
        "user-taken": Reason(
            403,
            "This user name belongs to another account",
            "Another account already goes by the user name your provider gives you.",
            _ASK + " `gatepost accounts link` joins two identities into one account.",
        ),
        "unknown-session": Reason(
            404,
            "No such session",
            "You have no session of this id; it may have ended already.",
            "Look at the account page for those there are.",
        ),
        "no-such-key": Reason(
            404,
            "No such API key",
            "You have no API key of this id; it may have been revoked already.",
            "Look at the account page for those there are.",
        ),
        "invalid-request": Reason(
            400,
            "Invalid request",
            "What was asked for is not there, or does not have the form it must have.",
            "The answer's `detail` says what is wrong.",
        ),
        "scope-not-grantable": Reason(
            403,
            "This scope cannot be given",
            "A key was to have a scope that owners may not give to keys.",
            "Leave it out, or ask whoever runs this site about `api_keys.grantable_scopes`.",
        ),
        "too-many-keys": Reason(
            409,
            "Too many API keys",
            "You have as many API keys as one person may have.",
            "Revoke those you no longer need.",
        ),
        "hook-failed": Reason(
            503,
            "Your account is not ready yet",
            "The app could not be told about your new account.",
            "Try again in a moment. If it goes on, give the request id to whoever runs this site.",
            retry_after_s=10,
        ),
        "wrong-password": Reason(
            401,
            "User name or password is wrong",
            "No account has this user name with this password.",
            "Check both and try again.",
            sign_in=True,
        ),
    }
)
