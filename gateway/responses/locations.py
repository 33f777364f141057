"""The URLs that a browser visits to sign in."""

from urllib.parse import quote

from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request

# Below the public URL; `own_path` makes them what browsers ask for.
SIGN_IN_PATH = f"{OWN_PREFIX}/sign-in"
LOGIN_PATH = f"{OWN_PREFIX}/login/"
# The first-run wizard, and the page that sets a new local password.
SETUP_PATH = f"{OWN_PREFIX}/setup"
RESET_PATH = f"{OWN_PREFIX}/reset"
# Where people ask for a new password, take up an invitation, and confirm an e-mail address.
FORGOT_PATH = f"{OWN_PREFIX}/forgot"
INVITATION_PATH = f"{OWN_PREFIX}/invitation"
EMAIL_PATH = f"{OWN_PREFIX}/email"
FRAGMENT_SCRIPT_PATH = f"{OWN_PREFIX}/keep-fragment.js"
COME_AGAIN_SCRIPT_PATH = f"{OWN_PREFIX}/come-again.js"
PASSKEY_SCRIPT_PATH = f"{OWN_PREFIX}/passkeys.js"
COPY_SCRIPT_PATH = f"{OWN_PREFIX}/copy.js"
TIMES_SCRIPT_PATH = f"{OWN_PREFIX}/times.js"
# The last page of a sign-in that another tab waits for.
SIGNED_IN_PATH = f"{OWN_PREFIX}/signed-in"
LOGOUT_PATH = f"{OWN_PREFIX}/logout"
ACCOUNT_PATH = f"{OWN_PREFIX}/account"
# Where administrators see who asks for access.
ACCESS_REQUESTS_PATH = f"{OWN_PREFIX}/admin/access-requests"
# The `prompt` value that starts a sign-in as a different user.
OTHER_ACCOUNT = "select_account"


def sign_in_location(request: Request, return_to: str | None = None) -> str:
    """The path to sign in that returns to `return_to`, by default the current request's target."""
    if return_to is None:
        raw = request.target.raw
        return_to_octets = raw if raw.startswith(b"/") else b"/"
    else:
        return_to_octets = return_to.encode()
    return f"{own_path(request, SIGN_IN_PATH)}?return_to={quote(return_to_octets, safe='/')}"
