"""What the endpoints and commands for local accounts need."""

import asyncio
from dataclasses import dataclass, field

from gateway.accounts.errors import UserTakenError
from gateway.accounts.manager import Accounts
from gateway.credentials.first_run import AlreadySetUpError, FirstRun
from gateway.credentials.local_accounts import LocalAccounts, NewPerson
from gateway.credentials.passkeys import Passkeys
from gateway.credentials.password_hashes import PasswordHashes
from gateway.credentials.password_throttle import PasswordThrottle
from gateway.credentials.second_factors import SecondFactors
from gateway.credentials.throttle import Throttle
from gateway.message.public_url import OWN_PREFIX
from gateway.storage.store import Clock


@dataclass(frozen=True, slots=True)
class Local:
    """Local accounts, the first run, and the limits on guesses.

    Attributes:
        tries: Limits wrong passwords.
        tokens: Limits wrong setup tokens and links by address.
        asked: Limits by address how often a new password is asked for.
        passkey_tries: Limits wrong passkeys by address.
    """

    accounts: LocalAccounts
    first_run: FirstRun
    hashes: PasswordHashes
    passkeys: Passkeys
    factors: SecondFactors
    tries: PasswordThrottle = field(default_factory=PasswordThrottle)
    tokens: Throttle = field(default_factory=Throttle)
    asked: Throttle = field(default_factory=lambda: Throttle(10, 600.0))
    passkey_tries: Throttle = field(default_factory=Throttle)


def local_of(accounts: Accounts, public_url: str, clock: Clock) -> Local:
    """The local accounts among `accounts`."""
    hashes = PasswordHashes()
    local = LocalAccounts(accounts, hashes, issuer_of(public_url))
    passkeys, factors = Passkeys(accounts, local), SecondFactors(accounts)
    return Local(local, FirstRun(accounts.records, clock), hashes, passkeys, factors)


def issuer_of(public_url: str) -> str:
    """The issuer of local identities."""
    return f"{public_url}{OWN_PREFIX}"


async def make_first_administrator(
    local: Local, token: str, person: NewPerson, password: str
) -> None:
    """Make the account of the first administrator; only one of several callers does.

    Raises:
        AlreadySetUpError: There is one already.
        WrongSetupTokenError: The token is wrong.
        GatewayError: As `LocalAccounts.ready`; the token stays good.
    """
    checked = await local.first_run.check(token)
    ready, hashed = await local.accounts.ready(person, password)
    claimed = await local.first_run.claim(checked, token)
    # To its end, even where the client goes away: an account half made would leave the setup open.
    await asyncio.shield(_make(local, claimed, token, ready, hashed))


async def _make(local: Local, claimed: bytes, token: str, ready: NewPerson, hashed: str) -> None:
    try:
        account_id = await local.accounts.add(ready, hashed)
    except UserTakenError:
        # Nothing was stored.  After any other failure the place stays claimed for a minute.
        await local.first_run.give_up(claimed, token)
        raise
    try:
        await local.first_run.finish(claimed)
    except AlreadySetUpError:
        # This process stood still for a minute, and another one took the place.
        await local.accounts.dismiss(account_id)
        raise
