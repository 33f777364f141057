"""A hook that runs one statement in an app's database, in a transaction of its own."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from gateway.accounts import sql_failures
from gateway.accounts.hook_event import (
    AnswerError,
    HookAnswer,
    HookEvent,
    is_encodable,
    read_external_id,
    read_roles,
    sql_values,
)
from gateway.accounts.hook_tries import TryAgainError, with_retries
from gateway.errors import HookFailedError
from gateway.settings.accounts import PARAMETER, SqlHookSettings
from gateway.settings.sql_drivers import DRIVERS

if TYPE_CHECKING:
    from sqlalchemy import URL
    from sqlalchemy.ext.asyncio import AsyncEngine

# Accounts are seldom made: a burst of them waits here, and not in the database.
_CONNECTIONS = 4


class SqlHook:
    """Runs one statement.

    A connection is opened for each event: they are rare, and none goes stale in between.
    """

    def __init__(self, settings: SqlHookSettings) -> None:
        self._settings = settings
        self._parameters = set(PARAMETER.findall(settings.statement))
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._engine: AsyncEngine | None = None

    @property
    def timeout_s(self) -> float:
        """How long all its tries may take, in seconds."""
        return self._settings.timeout

    @property
    def name(self) -> str:
        """What it is called in the log: the kind of database and no more."""
        return f"SQL on {_dialect(self._settings.dsn or '')}"

    async def run(self, event: HookEvent) -> HookAnswer:
        """What the statement returns.

        Raises:
            HookFailedError: It could not be run in time, or returns what cannot be read.
        """
        every = sql_values(event)
        values = {name: every[name] for name in self._parameters}
        for name, value in values.items():
            if value is not None and not is_encodable(value):
                raise HookFailedError(f"{name} contains a lone surrogate, which is no text")
        if self._engine is None:
            # At the first event, in a thread: importing SQLAlchemy takes as long as many requests.
            self._engine = await asyncio.to_thread(_engine, self._settings.dsn or "")
        engine = self._engine
        return await with_retries(lambda: self._try(engine, values), self._settings.timeout)

    async def close(self) -> None:
        """Nothing stays open between events; a later one makes an engine anew."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.dispose()

    async def _try(self, engine: "AsyncEngine", values: Mapping[str, str | None]) -> HookAnswer:
        """What the statement returns, once it is committed.

        Raises:
            TryAgainError: The database could not be asked.
            HookFailedError: The statement failed, or returns what cannot be read.
        """
        import sqlalchemy

        statement = sqlalchemy.text(self._settings.statement).bindparams(
            # Text, NULL too: what a database takes for a NULL's type may change with the row.
            *(sqlalchemy.bindparam(it, type_=sqlalchemy.Text()) for it in values)
        )
        try:
            async with self._slots, engine.begin() as connection:
                result = await connection.execute(statement, values)
                # Read before the commit, so that what cannot be read leaves nothing behind.
                return _answer(result.mappings().fetchmany(2)) if result.returns_rows else _NOTHING
        except (HookFailedError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001 - each driver raises classes of its own
            # Neither the message nor the chain may leave here: drivers repeat values in them.
            if sql_failures.may_pass(error):
                raise TryAgainError(sql_failures.described(error)) from None
            raise HookFailedError(sql_failures.described(error)) from None


_NOTHING = HookAnswer()


def _dialect(dsn: str) -> str:
    return dsn.partition("://")[0].partition("+")[0]


def _engine(dsn: str) -> "AsyncEngine":
    """The engine for `dsn`, which connects to nothing by itself.

    Raises:
        HookFailedError: SQLAlchemy does not take the DSN.
    """
    from sqlalchemy.exc import ArgumentError, InvalidRequestError
    from sqlalchemy.ext.asyncio import create_async_engine
    from sqlalchemy.pool import NullPool

    try:
        return create_async_engine(_url(dsn), poolclass=NullPool, hide_parameters=True)
    except (ArgumentError, InvalidRequestError, ImportError) as error:
        raise HookFailedError(f"the DSN cannot be used: {error}") from None
    except ValueError:
        # Its message may repeat a password.
        raise HookFailedError("the DSN cannot be used: its port is no number") from None


def _url(dsn: str) -> "URL":
    """`dsn` with a driver that speaks asyncio, which people need not know."""
    from sqlalchemy import make_url

    url = make_url(dsn)
    dialect, _, named = url.drivername.partition("+")
    driver = named or DRIVERS[dialect][0]
    if dialect == "postgres":  # What many hosters write.
        dialect = "postgresql"
    if driver == "asyncpg" and "sslmode" in url.query:
        # asyncpg's own name for what libpq calls sslmode, with the same values.
        url = url.update_query_dict({"ssl": url.query["sslmode"]})
        url = url.difference_update_query(["sslmode"])
    return url.set(drivername=f"{dialect}+{driver}")


def _answer(rows: Any) -> HookAnswer:
    """What the rows of a statement say.

    Raises:
        HookFailedError: There are several, or one holds what cannot be read.
    """
    if len(rows) > 1:
        raise HookFailedError("the statement returns several rows, and may return one")
    row = {str(name).lower(): value for name, value in rows[0].items()} if rows else {}
    roles = [_role_texts(row[name]) for name in ("roles", "role") if row.get(name) is not None]
    try:
        return HookAnswer(
            external_id=read_external_id(_id_text(row.get("external_id"))),
            roles=read_roles([it for some in roles for it in some]) if roles else None,
        )
    except AnswerError as error:
        raise HookFailedError(str(error)) from None


def _id_text(value: object) -> object:
    """`value`, and as text what databases use for ids besides text and integers."""
    is_whole = isinstance(value, Decimal) and value.is_finite() and value == int(value)
    if is_whole:
        return str(int(value))  # type: ignore[call-overload]
    return str(value) if isinstance(value, UUID) else value


def _role_texts(value: object) -> list[object]:
    """The roles in a column: an array, a JSON list, or a text that is one role; "" is none."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.startswith("["):
        with suppress(ValueError, RecursionError):
            found = json.loads(value)
            return found if isinstance(found, list) else [value]
    return [] if value == "" else [value]
