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
