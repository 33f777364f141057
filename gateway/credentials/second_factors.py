"""Second factors of local accounts: the step after a right password, and how they come and go."""

import json
from dataclasses import asdict, replace
from hashlib import sha256

from gateway.accounts.account import Account
from gateway.accounts.errors import NoSuchAccountError
from gateway.accounts.manager import Accounts, Change
from gateway.accounts.second_factor import SecondFactor
from gateway.credentials.code_tries import CodeTries
from gateway.credentials.local_proofs import Proof
from gateway.credentials.one_time_codes import (
    digest_of,
    matching_step,
    new_recovery_codes,
    use_code,
)
from gateway.errors import AccountDisabledError, GatewayError

# Wrong codes after one password; then it is asked for again.
_MOST_WRONG = 5


class SecondFactorRequiredError(GatewayError):
    """The password is right, and a code has to follow.

    Attributes:
        account_id: Whose code.
        has_passkeys: Whether a passkey of the account can take the code's place.
        fingerprint: As `fingerprint_of` the account at this moment.
    """

    reason = "second-factor-required"
    status = 401

    def __init__(self, account_id: str, fingerprint: str, *, has_passkeys: bool = False) -> None:
        super().__init__(f"account {account_id}")
        self.has_passkeys = has_passkeys
        self.account_id = account_id
        self.fingerprint = fingerprint


class WrongCodeError(GatewayError):
    """The code is wrong, or was used before."""

    reason = "wrong-code"
    status = 401


class CodeExpiredError(GatewayError):
    """The step after the password is over: too late, used, of another browser, or too often wrong.

    So it is, too, if the password or the second factor was changed meanwhile.
    """

    reason = "second-factor-expired"
    status = 401


class SecondFactorChangedError(GatewayError):
    """The account has got or lost its second factor meanwhile."""

    reason = "second-factor-changed"
    status = 409


def fingerprint_of(account: Account) -> str:
    """A digest of the password and the second factor; another one after each code that was used."""
    factor = account.second_factor
    kept = [account.password, None if factor is None else asdict(factor)]
    return sha256(json.dumps(kept).encode()).hexdigest()


class SecondFactors:
    """Checks codes, and turns second factors on and off.

    Every method raises StoreUnavailableError where the store cannot answer.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._tries = CodeTries(accounts.records)

    async def use(
        self, account_id: str, fingerprint: str, code: str, *, began_at: float, now: float
    ) -> tuple[Account, Proof]:
        """Use `code` up: the account, and what is proven.

        `fingerprint` is of the account at `began_at`, when its password was right.

        Raises:
            CodeExpiredError: The account is another by now, or five codes were wrong.
            WrongCodeError: The code is wrong.
            TooManyTriesError: Too many codes were wrong.
            AccountDisabledError: It was disabled meanwhile.
        """
        _, known = await self._accounts.records.get(account_id)
        _require_same(account_id, known, fingerprint)
        password = "" if known is None else known.password or ""
        times = await self._tries.take(account_id, password, now)
        tries = sum(at >= began_at for at in times)
        if tries > _MOST_WRONG:
            await self._tries.give_back(account_id, password, now)
            raise CodeExpiredError(f"account {account_id}: too many wrong codes before")
        proofs: list[Proof] = []

        def used(it: Account) -> Account:
            # Again, on the record that is replaced: of two who bring one code, one gets in.
            _require_same(account_id, it, fingerprint)
            found = None if it.second_factor is None else use_code(it.second_factor, code, now)
            if found is None:
                raise WrongCodeError(f"account {account_id}")
            proofs.append(found[1])
            return replace(it, second_factor=found[0])

        try:
            account = await self._accounts.change(account_id, used)
        except WrongCodeError as error:
            if tries == _MOST_WRONG:
                raise CodeExpiredError(f"account {account_id}: too many wrong codes") from error
            raise
        if account is None:
            raise CodeExpiredError(f"account {account_id} is gone")
        await self._tries.give_back(account_id, password, now)
        return account, proofs[-1]

    async def turn_on(
        self, account_id: str, secret: str, code: str, now: float
    ) -> tuple[Account, tuple[str, ...]]:
        """Keep the app's `secret`, which `code` proves it has; the account and recovery codes.

        Raises:
            WrongCodeError: The app does not have the secret, or its clock is wrong.
            SecondFactorChangedError: There is a second factor already.
        """
        step = matching_step(secret, code, now)
        if step is None:
            raise WrongCodeError(f"account {account_id}")
        codes = new_recovery_codes()
        factor = SecondFactor(secret, step, tuple(map(digest_of, codes)))

        def turned_on(it: Account) -> Account:
            if it.second_factor is not None or it.password is None:
                raise SecondFactorChangedError(f"account {account_id}")
            return replace(it, second_factor=factor)

        return await self._changed(account_id, turned_on), codes

    async def renew_recovery(self, account_id: str) -> tuple[Account, tuple[str, ...]]:
        """New recovery codes in place of all others; the account and the codes.

        Raises:
            SecondFactorChangedError: There is no second factor.
        """
        codes = new_recovery_codes()
        recovery = tuple(map(digest_of, codes))

        def renewed(it: Account) -> Account:
            if it.second_factor is None:
                raise SecondFactorChangedError(f"account {account_id}")
            return replace(it, second_factor=replace(it.second_factor, recovery=recovery))

        return await self._changed(account_id, renewed), codes

    async def turn_off(self, account_id: str) -> Account:
        """Have the password be enough again; the account."""
        return await self._changed(account_id, lambda it: replace(it, second_factor=None))

    async def of(self, account_id: str) -> SecondFactor | None:
        """The second factor of the account."""
        _, account = await self._accounts.records.follow(account_id)
        return None if account is None else account.second_factor

    async def _changed(self, account_id: str, change: Change) -> Account:
        account_id, _ = await self._accounts.records.follow(account_id)
        account = await self._accounts.change(account_id, change)
        if account is None:
            raise NoSuchAccountError(f"account {account_id} is gone")
        return account


def _require_same(account_id: str, account: Account | None, fingerprint: str) -> None:
    if account is None or fingerprint_of(account) != fingerprint:
        raise CodeExpiredError(f"account {account_id} was changed, or its code was used")
    if account.is_disabled:
        raise AccountDisabledError(f"account {account_id}")
