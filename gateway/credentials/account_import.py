"""Takes over accounts from a file: all rows are judged before the first one is written."""

import json
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Literal

from gateway.accounts.account import Account, facts_of
from gateway.accounts.errors import ExternalIdTakenError
from gateway.accounts.manager import Accounts
from gateway.accounts.owner import fold_user
from gateway.credentials.account_rows import Numbered, Row, RowError, row_of
from gateway.kinds import LOCAL
from gateway.model import Identity

Result = Literal["new", "unchanged"]


class AccountImport:
    """Judges and writes rows; every method raises StoreUnavailableError if the store is down."""

    def __init__(self, accounts: Accounts, issuer: str) -> None:
        """Give the accounts local identities of `issuer`."""
        self._accounts = accounts
        self._records = accounts.records
        self._issuer = issuer

    async def judge(self, row: Row) -> Result:
        """What `write` would do; writes nothing.

        Raises:
            RowError: Another account has the user name or the external id.
        """
        account_id = self._records.imported_id(row.user)
        owner = await self._records.owner("user", row.user)
        if owner is not None:
            await self._compare(owner, row)
            return "unchanged"
        _, known = await self._records.get(account_id)
        if known is not None and known.imported != digest(row):
            raise RowError(f"user {row.user!r} was imported before, and the name was released")
        if row.external_id:
            await self._check_external_id(row.external_id, account_id)
        return "new"

    async def write(self, row: Row) -> Result:
        """Make the account of `row`, unless it is there; safe to repeat after a crash.

        Raises:
            RowError: As `judge`; what was begun is undone.
        """
        if await self.judge(row) == "unchanged":
            return "unchanged"
        account_id = self._records.imported_id(row.user)
        account = self._account(row, account_id)
        await self._records.swap(account_id, None, account)
        await self._records.keep("identity", account.subjects[0], account_id)
        if not await self._claim(row, account_id):
            await self._undo(account_id, account)
            raise RowError(f"user {row.user!r} or external_id {row.external_id!r} was just taken")
        return "new"

    async def _claim(self, row: Row, account_id: str) -> bool:
        if row.external_id:
            try:
                await self._accounts.set_external_id(account_id, row.external_id)
            except ExternalIdTakenError:
                return False
        # The name comes last: an account that has its name is whole.
        return await self._records.keep("user", (row.user,), account_id) == account_id

    async def _undo(self, account_id: str, account: Account) -> None:
        if account.external_id:
            owner = await self._records.owner("external", account.external_id)
            if owner == account_id:
                await self._records.release("external", account.external_id)
        await self._records.release("identity", *account.subjects[0])
        await self._records.remove(account_id)

    async def _compare(self, owner: str, row: Row) -> None:
        account_id, account = await self._records.follow(owner)
        if account is None:
            raise RowError(
                f"user {row.user!r} belongs to account {account_id}, which has no record"
            )
        known = row_of(account)
        if known is not None and not row.password_hash:
            known = replace(known, password_hash="")
        # What people or operators changed since an import stays.
        if row == known or digest(row) == account.imported:
            return
        raise RowError(f"user {row.user!r} exists with other data, as account {account_id}")

    async def _check_external_id(self, external_id: str, account_id: str) -> None:
        owner = await self._records.owner("external", external_id)
        if owner is None or owner == account_id:
            return
        owner, account = await self._records.follow(owner)
        if account is not None and account.external_id == external_id:
            raise RowError(f"external_id {external_id!r} is that of account {owner}")

    def _account(self, row: Row, account_id: str) -> Account:
        identity = Identity(
            user=row.user,
            subject=account_id,
            issuer=self._issuer,
            credential="session",
            provider=LOCAL,
            email=row.email or None,
            name=row.name or None,
        )
        return Account(
            subjects=(identity.subject_key(),),
            seen=(facts_of(identity),),
            names=(row.user,),
            external_id=row.external_id or None,
            roles=row.roles,
            groups=row.groups,
            password=row.password_hash or None,
            created_at=int(self._accounts.clock()),
            is_admin=row.admin,
            is_disabled=row.disabled,
            imported=digest(row),
        )


def digest(row: Row) -> str:
    """Names the row, to know it again.

    It has a password hash in it: SHA-256 of that one, with its salt, tells nothing new.
    """
    return sha256(json.dumps(asdict(row)).encode()).hexdigest()


def without_repeats(rows: Iterable[Numbered]) -> Generator[Numbered, None, None]:
    """`rows`, with errors in place of those whose user or external id came before.

    User names are compared as everywhere, so that `Ann` and `ann` are one.
    """
    # A file that goes with the connection: digests of a million names would take 100 MB.
    with closing(sqlite3.connect("", isolation_level=None)) as known:
        known.execute("CREATE TABLE seen (key BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
        known.execute("PRAGMA journal_mode = OFF")
        known.execute("BEGIN")
        for it in rows:
            yield it if isinstance(it.row, RowError) else _first(known, it, it.row)


def _first(known: sqlite3.Connection, it: Numbered, row: Row) -> Numbered:
    keys = {"user": fold_user(row.user), "external_id": row.external_id}
    for column, value in keys.items():
        if not value:
            continue
        key = sha256(f"{column} {value}".encode()).digest()[:16]
        found = known.execute("SELECT line FROM seen WHERE key = ?", (key,)).fetchone()
        if found is not None:
            told = getattr(row, column)
            return replace(it, row=RowError(f"{column} {told!r} is that of line {found[0]} too"))
        known.execute("INSERT INTO seen VALUES (?, ?)", (key, it.line))
    return it
