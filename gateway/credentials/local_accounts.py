"""Accounts that sign in with a user name and password of the gateway's own."""

import json
import time
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Literal

from gateway.accounts.account import Account, facts_of
from gateway.accounts.errors import UserTakenError
from gateway.accounts.manager import Accounts
from gateway.credentials.local_proofs import PASSWORD, Proof
from gateway.credentials.password_hashes import PasswordHashes
from gateway.credentials.password_throttle import WrongPasswordError
from gateway.credentials.passwords import (
    MAX_NAME_CHARACTERS,
    PasswordRefusedError,
    check_email,
    check_user_name,
    judge,
    normalised,
)
from gateway.credentials.second_factors import SecondFactorRequiredError, fingerprint_of
from gateway.errors import GatewayError
from gateway.kinds import LOCAL
from gateway.model import Identity

RESET_S = 3600.0
_RESET: Literal["password-reset"] = "password-reset"
# Looked up for an unknown user name, so that the store does the same work.
_NOBODY = "0" * 32


class NoPasswordError(GatewayError):
    """The account has no local password."""

    reason = "no-local-password"
    status = 409


class UnknownResetError(GatewayError):
    """The link to set a password was used, has expired or was never made."""

    reason = "reset-link-unknown"
    status = 404


@dataclass(frozen=True, slots=True)
class NewPerson:
    """Who is to get an account.  The operator vouches for the e-mail address."""

    user: str
    email: str = ""
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    is_admin: bool = False


class LocalAccounts:
    """Adds local accounts, and checks and changes their passwords.

    Every method raises StoreUnavailableError where the store cannot answer, and PasswordsBusyError
    where too many passwords are being checked.

    Attributes:
        issuer: Of the identities; may be set anew.
    """

    def __init__(self, accounts: Accounts, hashes: PasswordHashes, issuer: str) -> None:
        self._accounts = accounts
        self._records = accounts.records
        self._hashes = hashes
        self.issuer = issuer

    async def ready(self, person: NewPerson, password: str) -> tuple[NewPerson, str]:
        """The person as kept, and the password's hash: everything that `add` can refuse is judged.

        Raises:
            UserNameRefusedError, PasswordRefusedError: See their messages.
            UserTakenError: Another account has the user name.
        """
        user, email = check_user_name(person.user), check_email(person.email)
        text = await self._hashes.run(partial(judge, password, (user, email or "")))
        if await self._records.owner("user", user) is not None:
            raise UserTakenError(f"user {user!r}")
        return replace(person, user=user, email=email or ""), await self._hashes.hash(text)

    async def add(self, person: NewPerson, hashed: str) -> str:
        """Store an account for what `ready` returned; its id.

        Raises:
            UserTakenError: Somebody was faster with the user name; nothing is stored.
        """
        account_id = self._accounts.new_id()
        identity = self.identity_of(account_id, person)
        account = Account(
            subjects=(identity.subject_key(),),
            seen=(facts_of(identity),),
            names=(person.user,),
            roles=person.roles,
            groups=person.groups,
            password=hashed,
            is_admin=person.is_admin,
        )
        # The account goes first: a user name that leads to nothing could never be used again.
        account_id = await self._accounts.make(account, account_id)
        if await self._records.keep("user", (person.user,), account_id) != account_id:
            await self._records.remove(account_id)
            raise UserTakenError(f"user {person.user!r}")
        await self._records.keep("identity", identity.subject_key(), account_id)
        return account_id

    async def dismiss(self, account_id: str) -> None:
        """Disable an account that should not have been made."""
        await self._accounts.change(
            account_id, lambda it: replace(it, is_disabled=True, is_admin=False)
        )

    async def has_password(self, user: str) -> bool:
        """Whether an account with this user name signs in with a local password."""
        if len(user) > MAX_NAME_CHARACTERS:
            return False
        owner = await self._records.owner("user", user)
        account = None if owner is None else (await self._records.follow(owner))[1]
        return account is not None and _password(account) is not None

    async def sign_in(self, user: str, password: str, now: float) -> Identity:
        """The identity of who signs in, with its account.

        Raises:
            WrongPasswordError: The user name or the password is wrong; both cost the same.
            AccountDisabledError: The password is right, and the account is disabled.
            SecondFactorRequiredError: The password is right, and is not enough.
            HookFailedError: The app could not be told of the account.
        """
        account_id, account = await self._checked(user, password)
        if account.second_factor is not None and not account.is_disabled:
            raise SecondFactorRequiredError(
                account_id, fingerprint_of(account), has_passkeys=bool(account.passkeys)
            )
        return await self.enter(account_id, account, PASSWORD, now)

    async def enter(self, account_id: str, account: Account, proof: Proof, now: float) -> Identity:
        """The identity of who has proven by `proof` to be the person of `account`.

        The caller has checked all that the account needs.  Raises as `sign_in`.
        """
        known = _local(account)
        identity = replace(known, issuer=self.issuer, subject=account_id, account_id=None)
        # The issuer changes with `public_url`: the account stays the same.
        await self._records.keep("identity", identity.subject_key(), account_id)
        entering = replace(identity, amr=proof.amr, acr=proof.acr, authenticated_at=int(now))
        signed_in = await self._accounts.sign_in(entering)
        # A hook may have taken seconds: refuse what was replaced meanwhile.
        latest = (await self._records.follow(account_id))[1]
        if latest is None or _needed(latest) != _needed(account):
            raise WrongPasswordError(f"account {account_id}: its password was changed meanwhile")
        return signed_in

    async def enter_proven(self, identity: Identity) -> Identity:
        """`identity`, whose password somebody else has checked, with its account.

        Raises:
            GatewayError: As `Accounts.claim`.
        """
        return await self._accounts.sign_in(identity)

    async def change_password(self, account_id: str, old: str, new: str) -> Account:
        """Replace the password `old` with `new`; returns the account.

        Raises:
            WrongPasswordError: `old` is wrong.
            PasswordRefusedError: `new` may not be used.
        """
        account_id, account = await self._records.follow(account_id)
        proven = await self._proven(account_id, account, old)
        if proven is None:
            raise WrongPasswordError(f"account {account_id}")
        return await self._swap(account_id, proven, await self._new_hash(proven, new))

    async def prove(self, account_id: str, password: str) -> None:
        """Check the password of the account.

        Raises:
            WrongPasswordError: It is wrong.
        """
        account_id, account = await self._records.follow(account_id)
        if await self._proven(account_id, account, password) is None:
            raise WrongPasswordError(f"account {account_id}")

    async def reset_token(self, account_id: str, *, may_be_first: bool = False) -> str:
        """A token that sets a new password, once and within an hour.

        It also ends when the password or the e-mail address is changed.

        With `may_be_first` a local account without a password gets one: it was imported without,
        or its owner retired it.

        Raises:
            NoPasswordError: The account signs in with a provider only.
        """
        account_id, account = await self._records.follow(account_id)
        is_first = may_be_first and account is not None and account.local is not None
        if account is None or (_password(account) is None and not is_first):
            raise NoPasswordError(
                f"account {account_id} has no local password: it signs in with its provider"
            )
        data = f"{account_id} {fingerprint(account)}".encode()
        return await self._records.new_note(_RESET, data, RESET_S)

    async def reset_user(self, token: str) -> str:
        """The user name of the account whose password `token` sets; uses nothing up.

        Raises:
            UnknownResetError: The token was used, has expired or was never made.
        """
        _, account = await self._reset_account((await self._records.note(_RESET, token))[1])
        return account.user or ""

    async def reset(self, token: str, new: str) -> Account:
        """Set the password of the token's account; the account.

        Raises:
            UnknownResetError: The token was used, has expired or was never made.
            PasswordRefusedError: `new` may not be used; the token stays good.
        """
        _, account = await self._reset_account((await self._records.note(_RESET, token))[1])
        hashed = await self._new_hash(account, new)
        account_id, account = await self._reset_account(
            await self._records.take_note(_RESET, token)
        )
        return await self._swap(account_id, account, hashed)

    async def _reset_account(self, data: bytes | None) -> tuple[str, Account]:
        account_id, _, made_for = (data or b"").decode().partition(" ")
        account = (await self._records.follow(account_id))[1] if account_id else None
        # A password that was set meanwhile ends all other links.
        if (
            account is None
            or account.is_disabled
            or account.local is None
            or fingerprint(account) != made_for
        ):
            raise UnknownResetError("no such link")
        return account_id, account

    async def _checked(self, user: str, password: str) -> tuple[str, Account]:
        began = time.perf_counter()
        # Folding a very long name takes seconds; no account has one.
        name = user if len(user) <= MAX_NAME_CHARACTERS else ""
        owner = await self._records.owner("user", name)
        account_id, account = await self._records.follow(owner or _NOBODY)
        proven = await self._proven(account_id, account, password)
        if proven is None:
            await self._hashes.delay_failure(began)
            # Not the name: people type their password there.
            raise WrongPasswordError("unknown user" if account is None else f"account {account_id}")
        return account_id, proven

    async def _proven(
        self, account_id: str, account: Account | None, password: str
    ) -> Account | None:
        """The account if the password is right, with its hash renewed; None if it is wrong."""
        known = None if account is None else _password(account)
        try:
            text = normalised(password)
        except PasswordRefusedError:
            # No password is like this; the work is done all the same.
            known, text = None, ""
        verdict = await self._hashes.verify(known, text, password)
        if not verdict.is_right or account is None:
            return None
        if not verdict.is_outdated:
            return account
        return await self._swap(account_id, account, await self._hashes.hash(text))

    async def _new_hash(self, account: Account, new: str) -> str:
        known = _local(account)
        text = await self._hashes.run(partial(judge, new, (known.user, known.email or "")))
        return await self._hashes.hash(text)

    async def _swap(self, account_id: str, account: Account, hashed: str) -> Account:
        """Put `hashed` in the place of the account's hash.

        Raises:
            WrongPasswordError: Another one is there by now: nothing was changed.
        """

        def changed(it: Account) -> Account:
            return replace(it, password=hashed) if it.password == account.password else it

        now = await self._accounts.change(account_id, changed)
        if now is None or now.password != hashed:
            raise WrongPasswordError(f"account {account_id}: its password was changed meanwhile")
        return now

    def identity_of(self, account_id: str, person: NewPerson) -> Identity:
        """The local identity of a new account."""
        return Identity(
            user=person.user,
            subject=account_id,
            issuer=self.issuer,
            credential="session",
            provider=LOCAL,
            email=person.email or None,
        )


def _password(account: Account) -> str | None:
    """The hash of the account's password, unless the local identity was unlinked."""
    return None if account.local is None else account.password


def _local(account: Account) -> Identity:
    """The account's local identity; whoever has proven the password has one."""
    if account.local is None:
        raise NoPasswordError("the account has no local identity")
    return account.local


def _needed(account: Account) -> tuple[object, object]:
    """What a sign-in has to prove, apart from which of several codes."""
    return _password(account), account.second_factor and account.second_factor.totp


def fingerprint(account: Account) -> str:
    """Changes with the password and the local e-mail address; a link is for one of both."""
    email = None if account.local is None else account.local.email
    return sha256(json.dumps([account.password, email]).encode()).hexdigest()
