"""The account page's section for passkeys.  Adding one needs a script; removing does not."""

from collections.abc import Mapping, Set

from gateway import responses
from gateway.accounts.passkey import Passkey
from gateway.accounts.ways_in import LastWayInError
from gateway.credentials.passkeys import NoSuchPasskeyError
from gateway.endpoints.account_section import Told
from gateway.endpoints.fresh import SignInTooOldError, prove_anew_here
from gateway.endpoints.own_passkeys import OwnPasskeys
from gateway.message.public_url import own_path
from gateway.message.request import Request
from gateway.sessions.session import Session
from gateway.wording import phrase


class PasskeySection:
    """Lists the passkeys of a local account, and removes them."""

    name = "passkeys"

    def __init__(self, own: OwnPasskeys) -> None:
        self._own = own

    async def shown(self, request: Request, session: Session) -> Mapping[str, object] | None:
        """The passkeys, for a session of a local account."""
        if not self._own.is_for(session):
            return None
        return {
            "rows": [_row(it) for it in await self._own.of(session)],
            "script_url": own_path(request, responses.PASSKEY_SCRIPT_PATH),
            "prove_anew_url": prove_anew_here(request, session),
            "is_too_old": False,
            "refused": None,
        }

    def takes(self, fields: Set[str]) -> bool:
        """``remove_passkey``: the id of the passkey."""
        return fields == {"remove_passkey"}

    async def act(self, request: Request, session: Session, form: Mapping[str, str]) -> Told | None:
        """Remove a passkey; the account's other sessions end."""
        try:
            await self._own.remove(request, session, form["remove_passkey"])
        except SignInTooOldError as error:
            return Told(error.status, {"is_too_old": True})
        except LastWayInError as error:
            told = phrase("It is your only way to sign in. Add another passkey first.")
            return Told(error.status, {"refused": told})
        except NoSuchPasskeyError:
            # If it is gone already, the result is as requested.
            return None
        return None


def _row(passkey: Passkey) -> dict[str, object]:
    return {
        "id": passkey.passkey_id,
        "name": passkey.name,
        "host": passkey.rp_id,
        "is_synced": passkey.can_be_copied,
        "created": passkey.created_at,
        "last_used": passkey.last_used_at,
    }
