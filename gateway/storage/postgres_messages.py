"""Messages over PostgreSQL's NOTIFY, and over a table if they are too long for it."""

import asyncio
import secrets
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any

from gateway.errors import StoreUnavailableError
from gateway.storage.location import PostgresLocation
from gateway.storage.postgres_pool import DEADLINE_S, FAILURES, PostgresPool, unavailable

if TYPE_CHECKING:
    from asyncpg import Connection, Record

# A payload is text shorter than 8000 bytes (postgresql.org/docs/current/sql-notify.html).
_LONGEST_PAYLOAD = 7999
# A server that vanished without closing is noticed after both times together.
_QUIET_S = 3.0
_ANSWER_S = 1.0
# NOTIFY channels belong to the whole database, but the tables to one schema of it.
_CHANNEL = "SELECT 'gatepost_' || current_schema()::regnamespace::oid"
_NOTIFY = f"SELECT pg_notify(({_CHANNEL}), $1)"
_KEEP = "INSERT INTO gatepost_messages (message, published_at) VALUES ($1, $2) RETURNING id"
_READ_LONG = "SELECT message FROM gatepost_messages WHERE id = $1"


async def notify(pool: PostgresPool, packed: bytes, now: float) -> None:
    """Send a message to everyone who listens.

    Raises:
        StoreUnavailableError: The server cannot be asked.
    """
    payload = b64encode(packed).decode()
    async with pool.connection("publish") as db:
        if len(payload) <= _LONGEST_PAYLOAD:
            await db.execute(_NOTIFY, payload)
        else:
            # Committed before the notification, so that listeners find it.
            number = await db.fetchval(_KEEP, packed, now)
            await db.execute(_NOTIFY, f"#{number}")


class PostgresSubscription:
    """See Subscription."""

    def __init__(self, pool: PostgresPool, connection: "Connection[Record]") -> None:
        self._pool = pool
        self._connection = connection
        self._payloads: asyncio.Queue[str | None] = asyncio.Queue()
        connection.add_termination_listener(self._end)

    async def listen(self) -> None:
        """Listen, and check that messages arrive.

        Raises:
            StoreUnavailableError: No message arrives.
        """
        channel = await self._connection.fetchval(_CHANNEL)
        await self._connection.add_listener(channel, self._heard)
        # A pooler in transaction mode accepts LISTEN but silently delivers nothing.
        knock = f"?{secrets.token_hex(8)}"
        async with self._pool.connection("listen") as db:
            await db.execute(_NOTIFY, knock)
        early = []
        try:
            async with asyncio.timeout(_ANSWER_S):
                while (payload := await self._payloads.get()) != knock:
                    early.append(payload)
        except TimeoutError:
            raise StoreUnavailableError(
                "postgresql: listen: no messages arrive "
                "(through a pooler in transaction mode? add ?direct=host:port)"
            ) from None
        for payload in early:
            self._payloads.put_nowait(payload)

    async def next_message(self) -> bytes:
        """See Subscription.next_message."""
        while True:
            try:
                async with asyncio.timeout(_QUIET_S):
                    payload = await self._payloads.get()
            except TimeoutError:
                await self._ask()
                continue
            if payload is None:
                raise StoreUnavailableError("postgresql: listen: the connection was lost")
            if (packed := await self._read(payload)) is not None:
                return packed

    async def aclose(self) -> None:
        """See Subscription.aclose."""
        self._connection.terminate()

    async def _ask(self) -> None:
        loop = asyncio.get_running_loop()
        # Not the driver's own timeout, which would ask the server to cancel the statement.
        timer = loop.call_later(_ANSWER_S, self._connection.terminate)
        try:
            await self._connection.execute("SELECT 1")
        except FAILURES as error:
            raise unavailable("listen", error) from error
        finally:
            timer.cancel()

    async def _read(self, payload: str) -> bytes | None:
        """The message, or None if `payload` is not one or it has already been removed."""
        if payload.startswith("?"):
            return None
        try:
            if not payload.startswith("#"):
                return b64decode(payload, validate=True)
            number = int(payload[1:])
        except ValueError:
            return None
        async with self._pool.connection("listen") as db:
            packed: bytes | None = await db.fetchval(_READ_LONG, number)
        return packed

    def _heard(self, *arguments: Any) -> None:
        self._payloads.put_nowait(arguments[-1])

    def _end(self, _connection: object) -> None:
        self._payloads.put_nowait(None)


async def open_subscription(pool: PostgresPool, location: PostgresLocation) -> PostgresSubscription:
    """A subscription on its own connection.

    Raises:
        StoreUnavailableError: The server cannot be reached, or messages do not arrive.
    """
    try:
        subscription = PostgresSubscription(pool, await pool.connect(location.direct))
        try:
            async with asyncio.timeout(DEADLINE_S):
                await subscription.listen()
        except BaseException:
            await subscription.aclose()
            raise
    except FAILURES as error:
        raise unavailable("listen", error) from error
    return subscription
