"""What the local form says to a user whose sign-in is not strong enough for a page."""

from typing import NamedTuple

from gateway.credentials.local_proofs import second_factor_helps
from gateway.endpoints.deps import Deps
from gateway.endpoints.parameters import SignInRequest
from gateway.kinds import LOCAL
from gateway.message.request import Request

_TOO_WEAK = "The page you asked for needs a stronger sign-in than this site has for passwords."
_WITH_APP = (
    "The page you asked for needs your second factor too. Sign in with your password and a code of"
    " your authenticator app."
)
_WITHOUT = "The page you asked for needs a second factor, and your account has none."


class Notice(NamedTuple):
    """What to say, and whether a second factor can be set up to meet it."""

    text: str | None = None
    can_set_up: bool = False


async def step_up_notice(deps: Deps, request: Request, asked: SignInRequest) -> Notice:
    """What the user of the browser's session has to do, for `asked`."""
    if not asked.acr and not asked.amr:
        return Notice()
    if not second_factor_helps(asked.acr, asked.amr):
        return Notice(_TOO_WEAK)
    session = await deps.session(request)
    if session is None or session.provider != LOCAL or deps.local is None:
        return Notice(_WITH_APP)
    has_one = await deps.local.factors.of(session.identity.account_id or "") is not None
    return Notice(_WITH_APP) if has_one else Notice(_WITHOUT, can_set_up=True)
