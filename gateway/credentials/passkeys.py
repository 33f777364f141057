"""Passkeys of local accounts: added, used and removed."""

from collections.abc import Set
from dataclasses import dataclass, replace

from gateway.accounts.account import Account
from gateway.accounts.errors import NoSuchAccountError
from gateway.accounts.manager import Accounts
from gateway.accounts.passkey import Passkey
from gateway.accounts.ways_in import WaysIn, without_passkeys
from gateway.credentials.local_accounts import LocalAccounts
from gateway.credentials.passkey_proofs import (
    Credential,
    PasskeyRefusedError,
    Site,
    WrongPasskeyError,
    credential_id_of,
    encoded,
    judge_use,
    proof_of,
    user_handle_of,
)
from gateway.errors import GatewayError
from gateway.model import Identity

MOST_PASSKEYS = 20


class TooManyPasskeysError(GatewayError):
    """The account has as many passkeys as one may have."""

    reason = "too-many-passkeys"
    status = 409


class NoSuchPasskeyError(GatewayError):
    """The account has no such passkey."""

    reason = "no-such-passkey"
    status = 404


@dataclass(frozen=True, slots=True)
class Used:
    """An account, and its passkey as it is after a use that was found right."""

    account_id: str
    account: Account
    passkey: Passkey


class Passkeys:
    """The passkeys in the accounts' records.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, accounts: Accounts, local: LocalAccounts) -> None:
        self._accounts = accounts
        self._records = accounts.records
        self._local = local
        self._ways = WaysIn(accounts)

    async def of(self, account_id: str) -> tuple[Passkey, ...]:
        """The account's passkeys, oldest first."""
        _, account = await self._records.follow(account_id)
        return () if account is None or account.local is None else account.passkeys

    async def add(self, account_id: str, passkey: Passkey) -> None:
        """Add a passkey that `judge_new` found right.

        Raises:
            PasskeyRefusedError: It belongs to an account already.
            TooManyPasskeysError: The account has twenty.
        """
        account_id, _ = await self._records.follow(account_id)
        key = (encoded(passkey.credential_id),)
        # Section 7.1, step 26: two accounts with one id would let one sign in as the other.
        if await self._records.owner("passkey", *key) is not None:
            raise PasskeyRefusedError(f"passkey {passkey.passkey_id} belongs to an account")
        # First what leads to the account: a passkey that is listed must work.
        if await self._records.keep("passkey", key, account_id) != account_id:
            raise PasskeyRefusedError(f"passkey {passkey.passkey_id} belongs to an account")

        def added(it: Account) -> Account:
            if it.local is None:
                raise PasskeyRefusedError(f"account {account_id} has no local identity")
            if len(it.passkeys) >= MOST_PASSKEYS:
                raise TooManyPasskeysError(f"account {account_id}")
            return replace(it, passkeys=(*it.passkeys, passkey))

        try:
            changed = await self._accounts.change(account_id, added)
        except (PasskeyRefusedError, TooManyPasskeysError):
            await self._records.release("passkey", *key)
            raise
        if changed is None:
            raise NoSuchAccountError(f"no account {account_id!r}")

    async def check(self, credential: Credential, challenge: bytes, site: Site, now: float) -> Used:
        """The account of the passkey that `credential` says was used.  Changes nothing.

        Raises:
            WrongPasskeyError: It is unknown, removed, of another account, or used otherwise.
        """
        credential_id = credential_id_of(credential)
        handle = user_handle_of(credential)
        if credential_id is None or handle is None:
            raise WrongPasskeyError("no credential with a user handle was sent")
        owner = await self._records.owner("passkey", encoded(credential_id))
        if owner is None:
            raise WrongPasskeyError("unknown passkey")
        account_id, account = await self._records.follow(owner)
        passkey = None if account is None else _held(account, credential_id)
        if account is None or passkey is None:
            raise WrongPasskeyError(f"account {account_id} does not have this passkey any more")
        # Section 7.2, step 6: the account that the authenticator means must be the same.
        if (await self._records.follow(handle))[0] != account_id:
            raise WrongPasskeyError(f"account {account_id}: the user handle is another account's")
        return Used(account_id, account, judge_use(credential, challenge, site, passkey, now))

    async def record(self, used: Used) -> None:
        """Keep the counter and the time of a use.

        Raises:
            WrongPasskeyError: The passkey was removed meanwhile, or used with a later counter.
        """
        now = used.passkey

        def counted(it: Account) -> Account:
            # Again, on the record that is replaced: of two uses with one counter, one gets in.
            known = _held(it, now.credential_id)
            if known is None or not known.allows(now.sign_count):
                raise WrongPasskeyError(f"passkey {now.passkey_id} was used or removed meanwhile")
            # What its owner may have changed meanwhile stays.
            newer = replace(
                known,
                sign_count=now.sign_count,
                last_used_at=now.last_used_at,
                is_backed_up=now.is_backed_up,
            )
            return replace(
                it, passkeys=tuple(newer if its is known else its for its in it.passkeys)
            )

        if await self._accounts.change(used.account_id, counted) is None:
            raise WrongPasskeyError(f"account {used.account_id} is gone")

    async def sign_in(self, used: Used, now: float, *, after_password: bool = False) -> Identity:
        """The identity of who signs in with a passkey, alone or after the password.

        Raises:
            WrongPasskeyError: The passkey was removed or used meanwhile.
            AccountDisabledError: The account is disabled.
            HookFailedError: The app could not be told of the account.
        """
        await self.record(used)
        proof = proof_of(used.passkey, after_password=after_password)
        signed_in = await self._local.enter(used.account_id, used.account, proof, now)
        # A hook may have taken seconds: refuse a passkey that was removed meanwhile.
        _, latest = await self._records.follow(used.account_id)
        if latest is None or _held(latest, used.passkey.credential_id) is None:
            raise WrongPasskeyError(f"passkey {used.passkey.passkey_id} was removed meanwhile")
        return signed_in

    async def remove(self, account_id: str, passkey_id: str, issuers: Set[str]) -> Account:
        """Remove one passkey; the account without it.  `issuers` as in `can_sign_in`.

        Raises:
            NoSuchPasskeyError: The account has none with this id.
            LastWayInError: There is no other way to sign in.
        """
        account_id, account = await self._records.follow(account_id)
        known = () if account is None else account.passkeys
        gone = next((it for it in known if it.passkey_id == passkey_id), None)
        if gone is None:
            raise NoSuchPasskeyError(f"no passkey {passkey_id!r}")
        changed = await self._ways.remove_passkey(account_id, gone.credential_id, issuers)
        await self._records.release("passkey", encoded(gone.credential_id))
        return changed

    async def remove_all(self, account_id: str) -> Account:
        """Remove every passkey, as an operator may even where nobody can sign in then.

        Raises:
            NoSuchAccountError: There is no such account.
        """
        account_id, account = await self._records.follow(account_id)
        gone = {it.credential_id for it in account.passkeys} if account is not None else set()
        changed = await self._accounts.change(account_id, lambda it: without_passkeys(it, gone))
        if changed is None:
            raise NoSuchAccountError(f"no account {account_id!r}")
        for credential_id in gone:
            await self._records.release("passkey", encoded(credential_id))
        return changed


def _held(account: Account, credential_id: bytes) -> Passkey | None:
    """The account's passkey, unless the local identity was unlinked."""
    if account.local is None:
        return None
    return next((it for it in account.passkeys if it.credential_id == credential_id), None)
