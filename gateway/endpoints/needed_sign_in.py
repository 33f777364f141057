"""Which sign-in must come before a client gets a code, and the proof that it came.

The proof is a mark in the address that the sign-in returns to: when the person was sent away,
sealed and bound to the client's very request.
"""

from dataclasses import replace

from gateway.authserver.request import AuthorizationRequest, Parameters
from gateway.endpoints.carried import Carrier
from gateway.endpoints.deps import Deps
from gateway.endpoints.parameters import SignInRequest
from gateway.sessions.session import Session

# Of our own making.
_MARK = "gatepost_since"


def needed_sign_in(
    wanted: AuthorizationRequest, session: Session | None, now: float
) -> SignInRequest | None:
    """The sign-in that `wanted` needs, if the person did not sign in for it already; or None."""
    how = SignInRequest(
        max_age_s=wanted.max_age_s,
        acr=wanted.acr,
        login_hint=wanted.login_hint,
        creates="create" in wanted.prompts,
    )
    if "select_account" in wanted.prompts:
        return replace(how, other_account=True)
    if wanted.prompts & {"login", "create"}:
        return replace(how, max_age_s=0)
    if session is None:
        return how
    proven_at = session.identity.authenticated_at or session.created_at
    too_old = wanted.max_age_s is not None and abs(now - proven_at) > wanted.max_age_s
    if too_old or (wanted.acr and session.identity.acr not in wanted.acr):
        return how
    return None


class SignInMarks:
    """Marks of sign-ins; see the module."""

    def __init__(self, deps: Deps) -> None:
        self._carrier = Carrier(deps, "authorize-since")

    def add(self, query: str) -> str:
        """The request `query` with a mark that the person is sent to sign in now."""
        mark = self._carrier.seal("", _bound_to(query))
        return f"{without_mark(query)}&{_MARK}={mark}"

    def is_new(self, parameters: Parameters, query: str, session: Session) -> bool:
        """Whether the person of `session` signed in for the request `query`."""
        mark = next(iter(parameters.get(_MARK, ())), "")
        found = self._carrier.open(mark, _bound_to(query))
        return found is not None and session.created_at >= found.at


def without_mark(query: str) -> str:
    """The request as the client made it."""
    parts = (it for it in query.split("&") if it and it.partition("=")[0] != _MARK)
    return "&".join(parts)


def _bound_to(query: str) -> bytes:
    return without_mark(query).encode("utf-8", "surrogatepass")
