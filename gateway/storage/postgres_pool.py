"""A few connections to PostgreSQL, each closed as soon as its state is in doubt."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import asyncpg

from gateway.errors import StoreUnavailableError
from gateway.storage import postgres_tables as tables
from gateway.storage.location import Host, PostgresLocation

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

# The longest that a caller waits, whatever the server does; includes connecting.
DEADLINE_S = 2.0
_CONNECT_S = 1.0
_MIGRATE_S = 300.0
# Enough for a worker: a session is written once a minute, not once a request.
_CONNECTIONS = 8
_PORT = 5432

# What the driver raises if the server cannot be asked or does not answer.
FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


class PostgresPool:
    """Lends connections, at most eight at a time."""

    def __init__(self, location: PostgresLocation) -> None:
        self._location = location
        # The host that answered last is tried first.
        self._hosts = list(location.hosts)
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._closed = False
        self._migration: asyncio.Task[None] | None = None
        self._is_migrated = False

    @asynccontextmanager
    async def connection(self, operation: str) -> AsyncIterator["Connection"]:
        """Lend a connection for `operation`; it is terminated after two seconds.

        Raises:
            StoreUnavailableError: There is no connection, or the server failed or did not answer.
        """
        self._check()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DEADLINE_S
        try:
            async with asyncio.timeout_at(deadline):
                await self._slots.acquire()
        except TimeoutError as error:
            raise unavailable(operation, error) from error
        try:
            async with asyncio.timeout_at(deadline):
                connection = await self._take()
            # Cancelling a statement would need an answer from the very server that hangs.
            timer = loop.call_at(deadline, connection.terminate)
            try:
                async with self._transaction(connection):
                    yield connection
            except BaseException as error:
                connection.terminate()
                if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
                    self._terminate()  # The server became a standby: find the primary again.
                raise
            finally:
                timer.cancel()
            self._give_back(connection)
        except FAILURES as error:
            raise unavailable(operation, error) from error
        finally:
            self._slots.release()

    async def connect(self, host: Host | None = None) -> "Connection":
        """A new connection for the caller, to `host` or as the URL says.

        Raises:
            StoreUnavailableError: The tables do not exist, or have another version.
            OSError, TimeoutError, PostgresError, InterfaceError: The connection failed.
        """
        await self._prepare()
        connection = await self._open(host)
        try:
            async with asyncio.timeout(_CONNECT_S), self._transaction(connection):
                await tables.check(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def aclose(self) -> None:
        """Close all idle connections and lend no more; safe to call twice."""
        self._closed = True
        self._terminate()
        if self._migration is not None:
            self._migration.cancel()
            await asyncio.gather(self._migration, return_exceptions=True)

    def _check(self) -> None:
        if self._closed:
            raise StoreUnavailableError("postgresql: closed")

    @asynccontextmanager
    async def _transaction(self, connection: "Connection") -> AsyncIterator[None]:
        if not self._location.is_pooled:
            yield
            return
        # Preparing a statement and running it are two messages.  Without a transaction, a pooler
        # may pass them to two servers.
        async with connection.transaction():
            yield

    async def _prepare(self) -> None:
        """Bring the tables up to date, once; waiters may give up before that is done."""
        if self._is_migrated:
            return
        if self._migration is None or self._migration.done():
            self._migration = asyncio.get_running_loop().create_task(self._migrate())
            # Retrieve the exception here, because there may be no waiter left.
            self._migration.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._migration)

    async def _migrate(self) -> None:
        connection = await self._open()
        try:
            async with asyncio.timeout(_MIGRATE_S):
                await tables.migrate(connection)
        finally:
            connection.terminate()
        self._is_migrated = True

    async def _take(self) -> "Connection":
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self.connect()

    def _give_back(self, connection: "Connection") -> None:
        if self._closed:
            connection.terminate()
        elif not connection.is_closed():
            self._idle.append(connection)

    def _terminate(self) -> None:
        while self._idle:
            self._idle.pop().terminate()

    async def _open(self, direct: Host | None = None) -> "Connection":
        hosts: list[Host | None] = [direct] if direct else [*self._hosts] or [None]
        # Share the time, so that a host that does not respond leaves time to try the next.
        timeout_s = _CONNECT_S / len(hosts)
        for host in hosts[:-1]:
            try:
                return await self._open_at(host, timeout_s, is_direct=False)
            except FAILURES as error:
                _log.info("%s", unavailable("connect", error))
        return await self._open_at(hosts[-1], timeout_s, is_direct=direct is not None)

    async def _open_at(
        self, host: Host | None, timeout_s: float, *, is_direct: bool
    ) -> "Connection":
        arguments = _arguments(self._location, host, is_direct=is_direct)
        connection: Connection = await asyncpg.connect(**arguments, timeout=timeout_s)
        if host in self._hosts:
            self._hosts.sort(key=lambda other: other != host)
        return connection


def unavailable(operation: str, error: BaseException) -> StoreUnavailableError:
    """The store's error for `error`, which the driver raised."""
    # Only the first line: details from the server may repeat a value.
    told = str(error.args[0] if error.args else "").partition("\n")[0] or "no answer in time"
    return StoreUnavailableError(f"postgresql: {operation}: {told}")


def _arguments(location: PostgresLocation, host: Host | None, *, is_direct: bool) -> dict[str, Any]:
    """Arguments for the driver; `host` is one of the URL's, or None for a socket directory."""
    options = dict(location.options)
    is_pooled = location.is_pooled and not is_direct
    directory = options.pop("host", None)
    if len(location.hosts) > 1:
        options.setdefault("target_session_attrs", "read-write")
    settings = {"search_path": path} if (path := options.pop("search_path", None)) else {}
    if not is_pooled:
        # A pooler refuses settings it does not know.  Without one, limit every statement's time.
        settings |= {
            "application_name": "gatepost",
            "statement_timeout": str(int(DEADLINE_S * 1000)),
            "idle_in_transaction_session_timeout": "5000",
        }
    return {
        # Only options: names and passwords are passed as arguments, where they need no escaping.
        "dsn": f"postgresql:///?{urlencode(options)}" if options else None,
        "host": directory if host is None else host[0],
        "port": _PORT if host is None else host[1] or _PORT,
        "user": location.user or None,
        "password": _password(location),
        "database": location.database,
        "statement_cache_size": 0 if is_pooled else 100,
        "server_settings": settings,
    }


def _password(location: PostgresLocation) -> Any:
    if location.password_file:
        path = Path(location.password_file)
        # Read on every connect, so that it can be changed while the gateway runs.
        return lambda: path.read_text(encoding="utf-8").strip()
    return location.password or None
