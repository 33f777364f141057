"""Requires a recent sign-in for what an unattended screen must not be enough to do."""

from gateway import responses
from gateway.errors import GatewayError
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.sessions.session import Session

# How recent, for changes of the ways to sign in.
FRESH_S = 300.0


class SignInTooOldError(GatewayError):
    """The user must prove again who they are."""

    reason = "sign-in-too-old"
    status = 403


def is_fresh(session: Session, now: float, allowed_s: float = FRESH_S) -> bool:
    """Whether the sign-in was at most `allowed_s` seconds ago; 0 for any time."""
    # If the provider does not send auth_time, use the session's start: the best known time at
    # which the user proved who they are.
    proven_at = session.identity.authenticated_at
    at = session.created_at if proven_at is None else proven_at
    return not allowed_s or abs(now - at) <= allowed_s


def require_fresh(session: Session, now: float, allowed_s: float = FRESH_S) -> None:
    """Require that the session `is_fresh`.

    Raises:
        SignInTooOldError: It is not.
    """
    if not is_fresh(session, now, allowed_s):
        raise SignInTooOldError("signed in too long ago")


def prove_anew_path(request: Request, session: Session, allowed_s: float = FRESH_S) -> str:
    """The path where the user proves again who they are."""
    return f"{own_path(request, responses.LOGIN_PATH)}{session.provider}?max_age={int(allowed_s)}"


def prove_anew_here(request: Request, session: Session, allowed_s: float = FRESH_S) -> str:
    """As `prove_anew_path`; it leads back to the account page."""
    here = own_path(request, responses.ACCOUNT_PATH)
    return f"{prove_anew_path(request, session, allowed_s)}&return_to={here}"
