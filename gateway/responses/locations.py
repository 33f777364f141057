"""Where a browser goes to sign in."""

from urllib.parse import quote

from gateway.message.request import Request

SIGN_IN_PATH = "/_gatepost/sign-in"
LOGIN_PATH = "/_gatepost/login/"
# Where a sign-in ends that another tab waits for.
SIGNED_IN_PATH = "/_gatepost/signed-in"
# The `prompt` with which a sign-in is begun as somebody else.
OTHER_ACCOUNT = "select_account"


def sign_in_location(request: Request, return_to: str | None = None) -> str:
    """Where a browser starts to sign in, so that it comes back to what it asked for now."""
    if return_to is None:
        raw = request.target.raw
        return_to_octets = raw if raw.startswith(b"/") else b"/"
    else:
        return_to_octets = return_to.encode()
    return f"{SIGN_IN_PATH}?return_to={quote(return_to_octets, safe='/')}"
