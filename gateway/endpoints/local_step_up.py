"""What the local form says to a user whose sign-in is not strong enough for a page."""

from typing import NamedTuple

from gateway.credentials.local_proofs import passkey_helps, second_factor_helps
from gateway.endpoints.deps import Deps
from gateway.endpoints.parameters import SignInRequest
from gateway.kinds import LDAP
from gateway.message.request import Request
from gateway.wording import phrase

_TOO_WEAK = phrase(
    "The page you asked for needs a stronger sign-in than this site has for local accounts."
)
_WITH_APP = phrase(
    "The page you asked for needs your second factor too. Sign in with your password and a code of"
    " your authenticator app."
)
_WITH_PASSKEY = phrase(
    "The page you asked for needs a stronger sign-in than a password. Sign in with a passkey."
)
_NO_PASSKEY = phrase(
    "The page you asked for needs a stronger sign-in, with a passkey. You have none."
)
_WITHOUT = phrase("The page you asked for needs a second factor, and your account has none.")


class Notice(NamedTuple):
    """What to say, and the section of the account page where it can be set up."""

    text: str | None = None
    section: str | None = None


async def step_up_notice(deps: Deps, request: Request, asked: SignInRequest) -> Notice:
    """What the user of the browser's session has to do, for `asked`."""
    if not asked.acr and not asked.amr:
        return Notice()
    by_app = second_factor_helps(asked.acr, asked.amr)
    by_passkey = passkey_helps(asked.acr, asked.amr)
    if not by_app and not by_passkey:
        return Notice(_TOO_WEAK)
    session = await deps.session(request)
    if session is not None and session.provider == LDAP:
        return Notice(_TOO_WEAK)
    account_id = None if session is None else session.local_account_id
    if account_id is None or deps.local is None:
        return Notice(_WITH_APP if by_app else _WITH_PASSKEY)
    if by_passkey and await deps.local.passkeys.of(account_id):
        return Notice(_WITH_PASSKEY)
    if not by_app:
        return Notice(_NO_PASSKEY, "passkeys")
    has_one = await deps.local.factors.of(account_id) is not None
    return Notice(_WITH_APP) if has_one else Notice(_WITHOUT, "second-factor")
