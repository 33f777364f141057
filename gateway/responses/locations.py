"""The URLs that a browser visits to sign in."""

from urllib.parse import quote

from gateway.message.request import Request

SIGN_IN_PATH = "/_gatepost/sign-in"
LOGIN_PATH = "/_gatepost/login/"
# The first-run wizard, and the page that sets a new local password.
SETUP_PATH = "/_gatepost/setup"
RESET_PATH = "/_gatepost/reset"
# Where people ask for a new password, take up an invitation, and confirm an e-mail address.
FORGOT_PATH = "/_gatepost/forgot"
INVITATION_PATH = "/_gatepost/invitation"
EMAIL_PATH = "/_gatepost/email"
PASSKEY_SCRIPT_PATH = "/_gatepost/passkeys.js"
# The last page of a sign-in that another tab waits for.
SIGNED_IN_PATH = "/_gatepost/signed-in"
# The `prompt` value that starts a sign-in as a different user.
OTHER_ACCOUNT = "select_account"


def sign_in_location(request: Request, return_to: str | None = None) -> str:
    """The sign-in URL that returns to `return_to`, by default the current request's target."""
    if return_to is None:
        raw = request.target.raw
        return_to_octets = raw if raw.startswith(b"/") else b"/"
    else:
        return_to_octets = return_to.encode()
    return f"{SIGN_IN_PATH}?return_to={quote(return_to_octets, safe='/')}"
