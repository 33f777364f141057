"""Reasons from accounts, sessions and keys."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.pages.reason import Reason

_ASK = "Ask the operator of this site."

ACCOUNTS: Mapping[str, Reason] = MappingProxyType(
    {
        "account-disabled": Reason(403, "Account disabled", "This account is disabled.", _ASK),
        "not-invited": Reason(
            403,
            "By invitation only",
            "You are signed in, but this identity has not been invited.",
            _ASK,
        ),
        "user-taken": Reason(
            403,
            "This user name belongs to another account",
            "Another account already has your user name.",
            "If it is your own, sign in with your password and link this identity on your account"
            " page. Or ask the operator of this site: `gatepost accounts link` joins two"
            " identities into one account.",
        ),
        "email-ambiguous": Reason(
            403,
            "More than one account has your e-mail address",
            "Several accounts have your verified e-mail address, so none can be chosen for you.",
            _ASK + " `gatepost accounts list --email …` shows them, and `gatepost accounts merge`"
            " makes one of two.",
        ),
        "no-such-account": Reason(
            404,
            "No such account",
            "No account has this id or user name.",
            "See `gatepost accounts list`.",
        ),
        "subject-taken": Reason(
            409,
            "This identity belongs to another account",
            "The identity signs in to another account already.",
            "`gatepost accounts merge` joins the two accounts.",
        ),
        "last-way-in": Reason(
            409,
            "This is the last way to sign in",
            "Without it, you could no longer sign in to your account.",
            "Link another identity or add a passkey first.",
        ),
        "link-interrupted": Reason(
            403,
            "The identity was not linked",
            "Your session ended while you were at the provider, or another one took its place.",
            "Open your account page and link it again.",
            sign_in=True,
        ),
        "external-id-taken": Reason(
            409,
            "This external id belongs to another account",
            "The app would take two accounts for one user.",
            "See `gatepost accounts show` for the account that has it.",
        ),
        "not-an-administrator": Reason(
            403,
            "Only administrators may see this",
            "You are not among the administrators of this site.",
            "Ask the operator of this site to add you to `admins`.",
        ),
        "own-access": Reason(
            409,
            "You would lose your own access",
            "This would remove your own access to the administration.",
            "Ask another administrator to do it.",
        ),
        "no-such-item": Reason(
            404,
            "There is nothing with this id",
            "It may have been removed, or may never have existed.",
            "Go back to the list.",
        ),
        "unknown-request": Reason(
            404,
            "Unknown request",
            "No request with this id was refused within the last hour.",
            "Compare the id with the one on the page, in the answer or in the audit log.",
        ),
        "unknown-session": Reason(
            404,
            "No such session",
            "You have no session with this id. It may have ended already.",
            "See the account page for a list.",
        ),
        "no-such-key": Reason(
            404,
            "No such API key",
            "You have no API key with this id. It may have been revoked already.",
            "See the account page for a list.",
        ),
        "invalid-request": Reason(
            400,
            "Invalid request",
            "The request refers to something that does not exist, or its format is wrong.",
            "See `detail` in the response.",
        ),
        "scope-not-grantable": Reason(
            403,
            "This scope cannot be given",
            "You cannot give this scope to a key.",
            "Omit it, or ask the operator of this site to add it to `api_keys.grantable_scopes`.",
        ),
        "too-many-keys": Reason(
            409,
            "Too many API keys",
            "You have the maximum number of API keys.",
            "Revoke keys that you no longer need.",
        ),
        "provisioning-failed": Reason(
            503,
            "Your account is not ready yet",
            "The gateway could not notify the app of your account.",
            "Try again in a moment. If it keeps failing, send the request id to the site operator.",
            retry_after_s=10,
        ),
        "wrong-password": Reason(
            401,
            "User name or password is wrong",
            "No account has this user name with this password.",
            "Check both and try again.",
            sign_in=True,
        ),
        "second-factor-required": Reason(
            401,
            "A code is required",
            "The password is right. This account also needs a code.",
            "Send `code`, of your authenticator app or for recovery, with `step` from the response"
            " to `/_gatepost/sign-in/code`.",
        ),
        "wrong-code": Reason(
            401,
            "The code is wrong",
            "The code is wrong, or was used before.",
            "Wait for the next code, and check the clock of your phone.",
        ),
        "second-factor-expired": Reason(
            401,
            "Please start the sign-in again",
            "It took more than five minutes, was finished already, began in another browser, or"
            " too many codes were wrong.",
            "Sign in again with your password.",
            sign_in=True,
        ),
        "second-factor-changed": Reason(
            409,
            "The second factor has changed",
            "The second factor was turned on or off in another window.",
            "Open the account page again.",
        ),
        "password-refused": Reason(
            400,
            "This password cannot be used",
            "The password is too short, too long or easy to guess.",
            "Choose another one: several uncommon words are good.",
        ),
        "user-name-refused": Reason(
            400,
            "This user name cannot be used",
            "The user name or e-mail address is not valid.",
            "Use letters, digits and characters such as . - _ @, without spaces.",
        ),
        "passwords-busy": Reason(
            503,
            "Too many sign-ins at once",
            "The gateway checks only a few passwords at a time.",
            "Try again in a moment.",
            retry_after_s=2,
        ),
        "wrong-passkey": Reason(
            401,
            "This passkey did not work",
            "The passkey is unknown here or was removed, or it did not verify you.",
            "Use another passkey or your password.",
            sign_in=True,
        ),
        "passkey-expired": Reason(
            400,
            "The passkey took too long",
            "More than five minutes passed, or the same response was sent twice.",
            "Try again.",
        ),
        "passkey-refused": Reason(
            400,
            "This passkey cannot be added",
            "The response of the browser is not valid for this site, or the passkey is in use.",
            "Try again, or use another device.",
        ),
        "too-many-passkeys": Reason(
            409,
            "Too many passkeys",
            "An account has at most 20 passkeys.",
            "Remove those that you no longer need.",
        ),
        "no-such-passkey": Reason(
            404,
            "No such passkey",
            "You have no passkey with this id. It may have been removed already.",
            "See the account page for a list.",
        ),
        "wrong-setup-token": Reason(
            403,
            "The setup token is wrong",
            "The token is not the one in the gateway's log.",
            "Copy it from the gateway's log: it follows `setup token:`.",
        ),
        "reset-link-unknown": Reason(
            404,
            "This link is not valid",
            "The link was used before, has expired, or was replaced by a newer password.",
            "Ask the operator of this site for another one.",
        ),
        "invitation-unknown": Reason(
            404,
            "This invitation is not valid",
            "It has been used, has expired, or an account with this e-mail address already exists.",
            "If you have an account, sign in. Otherwise ask the operator of this site for another"
            " invitation.",
            sign_in=True,
        ),
        "email-link-unknown": Reason(
            404,
            "This link is not valid",
            "The link was used before, has expired, or is not for the account that you are signed"
            " in to.",
            "Sign in to the right account, or ask for another link on the account page.",
        ),
        "mail-not-sent": Reason(
            503,
            "The mail was not sent",
            "The mail server did not take the mail.",
            "The gateway's log says why. The command prints the link, which still works.",
        ),
        "too-many-access-requests": Reason(
            429,
            "Too many requests for access",
            "You have sent too many requests for access today, or too many are still open.",
            "Try again tomorrow, or ask the operator of this site.",
        ),
        "no-local-password": Reason(
            409,
            "No local password",
            "This account signs in with a provider.",
            "Change the password there.",
        ),
    }
)
