"""A store in a PostgreSQL database, for gateways on any number of machines."""

from collections.abc import Collection
from functools import partial
from pathlib import Path

from gateway.errors import StoreUnavailableError
from gateway.storage import postgres_writes as writes
from gateway.storage.listener import Listener, pack_message
from gateway.storage.location import PostgresLocation
from gateway.storage.paging import next_key, read_live
from gateway.storage.postgres_messages import PostgresSubscription, notify, open_subscription
from gateway.storage.postgres_pool import PostgresPool
from gateway.storage.store import NEVER, Clock, Handler, Lock, OnGap, OnLoss, Unsubscribe

_SWEEP_BATCH = 500
# Long enough for every listener that was notified of a long message to fetch it.
_MESSAGES_KEPT_S = 60.0


class PostgresStore:
    """See Store for its methods, and docs/stores.md for what the server guarantees."""

    def __init__(self, location: PostgresLocation, clock: Clock) -> None:
        """Create the store without connecting."""
        self._clock = clock
        self._closed = False
        self._location = location
        self._pool = PostgresPool(location)
        self._listener = Listener(self._open_subscription)

    async def get(self, key: str) -> bytes | None:
        """See Store.get."""
        async with self._pool.connection("get") as db:
            value: bytes | None = await db.fetchval(writes.GET, key.encode(), self._clock())
        return value

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """See Store.put."""
        listed = _encoded(indexes)
        async with self._pool.connection("put") as db:
            await writes.put(db, key.encode(), value, self._end(ttl_s), listed)

    async def delete(self, key: str) -> bool:
        """See Store.delete."""
        return await self.take(key) is not None

    async def take(self, key: str) -> bytes | None:
        """See Store.take."""
        now = self._clock()
        async with self._pool.connection("take") as db:
            row = await db.fetchrow(writes.TAKE, key.encode())
        return row["value"] if row is not None and now < row["expires_at"] else None

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """See Store.find."""
        return await read_live(partial(self._listed, "find", index), "", None)

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """See Store.page."""
        return await read_live(partial(self._listed, "page", index), next_key(after), limit)

    async def count(self, index: str) -> int:
        """See Store.count."""
        async with self._pool.connection("count") as db:
            count: int = await db.fetchval(writes.COUNT, index.encode(), self._clock())
        return count

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """See Store.add_once."""
        return await self.compare_and_swap(key, None, b"", ttl_s=ttl_s)

    async def compare_and_swap(
        self,
        key: str,
        expected: bytes | None,
        value: bytes,
        *,
        ttl_s: float | None,
        indexes: Collection[str] = (),
    ) -> bool:
        """See Store.compare_and_swap."""
        now, end, listed = self._clock(), self._end(ttl_s), _encoded(indexes)
        async with self._pool.connection("compare_and_swap") as db:
            return await writes.swap(db, key.encode(), expected, value, now, end, listed)

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """See Store.lock."""
        now = self._clock()
        async with self._pool.connection("lock") as db:
            token = await writes.lock(db, name.encode(), now, now + ttl_s)
        return None if token is None else Lock(name, token)

    async def unlock(self, lock: Lock) -> bool:
        """See Store.unlock."""
        now = self._clock()
        async with self._pool.connection("unlock") as db:
            end = await db.fetchval(writes.UNLOCK, lock.name.encode(), lock.token)
        return end is not None and now < end

    async def publish(self, channel: str, message: bytes) -> None:
        """See Store.publish."""
        await notify(self._pool, pack_message(channel, message), self._clock())

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """See Store.subscribe."""
        if self._closed:
            raise StoreUnavailableError("postgresql: closed")
        return await self._listener.subscribe(channel, handler, on_gap, on_loss)

    async def ping(self) -> None:
        """See Store.ping."""
        async with self._pool.connection("ping") as db:
            # True for a standby, and for a database that is set to read only.
            if await db.fetchval("SELECT current_setting('transaction_read_only')") != "off":
                raise StoreUnavailableError("postgresql: ping: the database is read only")

    async def sweep(self, now: float) -> int:
        """See Store.sweep."""
        swept = 0
        while True:
            async with self._pool.connection("sweep") as db:
                batch = await writes.sweep(db, now, now - _MESSAGES_KEPT_S, _SWEEP_BATCH)
            if batch == 0:
                return swept
            swept += batch

    async def aclose(self) -> None:
        """See Store.aclose."""
        self._closed = True
        await self._listener.aclose()
        await self._pool.aclose()

    async def _open_subscription(self) -> PostgresSubscription:
        return await open_subscription(self._pool, self._location)

    async def _listed(
        self, operation: str, index: str, first: str, count: int
    ) -> list[tuple[str, bytes | None]]:
        arguments = self._clock(), index.encode(), first.encode(), count
        async with self._pool.connection(operation) as db:
            rows = await db.fetch(writes.LISTED, *arguments)
        return [(row["key"].decode(), row["value"]) for row in rows]

    def _end(self, ttl_s: float | None) -> float:
        return NEVER if ttl_s is None else self._clock() + ttl_s


def _encoded(names: Collection[str]) -> list[bytes]:
    return sorted({name.encode() for name in names})


def build(location: str, _data_dir: Path, clock: Clock) -> PostgresStore:
    """The store at the URL `location`; it connects when it is first used.

    Raises:
        ValueError: The URL is not valid.
    """
    return PostgresStore(PostgresLocation.read(location), clock)
