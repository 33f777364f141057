"""Signs people in whose passwords a directory has."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.credentials.local import Local
from gateway.credentials.local_proofs import PASSWORD
from gateway.credentials.password_throttle import WrongPasswordError
from gateway.model import Identity
from gateway.sessions.session import ProviderTokens

if TYPE_CHECKING:
    from gateway.ldap.directory import Directory  # With the library of an extra.

# A session is asked about again if it has a refresh token.  A directory gives none.
_KEPT = "ldap"


async def sign_in_by_directory(
    directory: "Directory", local: Local, user: str, password: str, now: float
) -> Identity:
    """The identity of who signs in, with its account.

    Raises:
        WrongPasswordError: The user name or the password is wrong.
        ProviderUnavailableError: The directory cannot tell.
        GatewayError: See `LocalAccounts.enter_proven`.
    """
    began = time.perf_counter()
    found = await directory.find(user, password)
    if found is None:
        await local.hashes.delay_failure(began)
        raise WrongPasswordError("the directory knows no such user name and password")
    proof = PASSWORD
    return await local.accounts.enter_proven(
        replace(found, amr=proof.amr, acr=proof.acr, authenticated_at=int(now))
    )


def kept_for(recheck_s: float | None, now: float) -> ProviderTokens:
    """What a session keeps, so that the directory is asked again after `recheck_s`, if ever."""
    if recheck_s is None:
        return ProviderTokens()
    return ProviderTokens(
        refresh_token=_KEPT, access_expires_at=now + recheck_s, access_issued_at=now
    )
