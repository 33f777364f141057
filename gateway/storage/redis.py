"""A store in Redis or Valkey, for gateways on any number of machines."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError, ReadOnlyError

from gateway.errors import StoreUnavailableError
from gateway.storage import redis_scripts as scripts
from gateway.storage.listener import Listener, pack_message
from gateway.storage.location import RedisLocation
from gateway.storage.paging import next_key, read_live
from gateway.storage.redis_client import FAILURES, RedisClient, unavailable
from gateway.storage.redis_cluster import ClusterClient
from gateway.storage.redis_entry import live_value, pack_entry, unpack_entry
from gateway.storage.redis_subscription import RedisSubscription, open_subscription
from gateway.storage.store import NEVER, Clock, Handler, Lock, OnGap, OnLoss, Unsubscribe

# The longest that a caller waits, whatever the server does.
_DEADLINE_S = 2.0
_CONNECTIONS = 32
# How much longer the server keeps a value than gateways read it.  A sweep in time also removes it
# from its indexes, and one gateway's clock may be a little behind another's.
_KEPT_LONGER_S = 300.0
_FIND_BATCH = 500
_SWEEP_BATCH = 200


class RedisStore:
    """See Store for its methods, and docs/stores.md for what the server guarantees.

    Every change is one script, so that readers and failures never leave half of a change visible.
    """

    def __init__(self, location: RedisLocation, clock: Clock) -> None:
        """Create the store without connecting."""
        self._clock = clock
        self._closed = False
        self._client = ClusterClient(location) if location.is_cluster else RedisClient(location)
        self._slots = asyncio.Semaphore(_CONNECTIONS)
        self._prefix = f"{{{location.prefix}}}:".encode()
        # Unlike keys, channels are shared by all databases of a server.
        self._channel = f"{{{location.prefix}}}:{location.database}:messages"
        self._listener = Listener(self._open_subscription)

    async def get(self, key: str) -> bytes | None:
        """See Store.get."""
        async with self._asking("get"):
            packed: bytes | None = await self._client.commands.get(self._name(b"v:", key))
        return live_value(packed, self._clock())

    async def put(
        self, key: str, value: bytes, *, ttl_s: float | None, indexes: Collection[str] = ()
    ) -> None:
        """See Store.put."""
        await self._write("put", key, value, ttl_s, indexes, "any")

    async def delete(self, key: str) -> bool:
        """See Store.delete."""
        return await self.take(key) is not None

    async def take(self, key: str) -> bytes | None:
        """See Store.take."""
        names = [self._name(b"v:", key), self._name(b"ends")]
        arguments = [self._prefix, _number(self._clock()), key.encode()]
        value: bytes | None = await self._run("take", scripts.TAKE, names, arguments)
        return value

    async def find(self, index: str) -> list[tuple[str, bytes]]:
        """See Store.find."""
        name = self._name(b"i:", index)
        found: dict[str, bytes] = {}
        cursor: int | None = None
        while cursor != 0:
            async with self._asking("find"):
                scan = self._client.commands.zscan
                cursor, page = await scan(name, cursor or 0, count=_FIND_BATCH)
            now = self._clock()
            values = await self._values("find", index, [key for key, end in page if now < end])
            found |= {key: value for key, value in values if value is not None}
        return sorted(found.items())

    async def page(self, index: str, *, after: str = "", limit: int) -> list[tuple[str, bytes]]:
        """See Store.page."""
        return await read_live(partial(self._listed, index), next_key(after), limit)

    async def count(self, index: str) -> int:
        """See Store.count."""
        async with self._asking("count"):
            # "(" excludes the bound: the last instant is already too late.
            least = b"(" + _number(self._clock())
            count: int = await self._client.commands.zcount(self._name(b"i:", index), least, "+inf")
        return count

    async def add_once(self, key: str, *, ttl_s: float | None) -> bool:
        """See Store.add_once."""
        # Not SET NX, which goes by the server's clock: a value may have expired by the gateway's.
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
        condition = "none" if expected is None else "same"
        return await self._write(
            "compare_and_swap", key, value, ttl_s, indexes, condition, expected or b""
        )

    async def lock(self, name: str, *, ttl_s: float) -> Lock | None:
        """See Store.lock."""
        now = self._clock()
        token = await self._run(
            "lock",
            scripts.LOCK,
            [self._name(b"l:", name), self._name(b"token")],
            [_number(now), _number(now + ttl_s), _milliseconds(ttl_s)],
        )
        return None if token is None else Lock(name, int(token))

    async def unlock(self, lock: Lock) -> bool:
        """See Store.unlock."""
        arguments = [str(lock.token), _number(self._clock())]
        return bool(
            await self._run("unlock", scripts.UNLOCK, [self._name(b"l:", lock.name)], arguments)
        )

    async def publish(self, channel: str, message: bytes) -> None:
        """See Store.publish."""
        async with self._asking("publish"):
            await self._client.publish(self._channel, pack_message(channel, message))

    async def subscribe(
        self,
        channel: str,
        handler: Handler,
        on_gap: OnGap | None = None,
        on_loss: OnLoss | None = None,
    ) -> Unsubscribe:
        """See Store.subscribe."""
        self._check()
        return await self._listener.subscribe(channel, handler, on_gap, on_loss)

    async def ping(self) -> None:
        """See Store.ping."""
        async with self._asking("ping"):
            # A write, because a replica and a server without memory or disk refuse it.
            await self._client.commands.set(self._name(b"ping"), b"", px=1000)

    async def sweep(self, now: float) -> int:
        """See Store.sweep."""
        swept = 0
        while True:
            arguments = [self._prefix, _number(now), _SWEEP_BATCH]
            batch: int = await self._run("sweep", scripts.SWEEP, [self._name(b"ends")], arguments)
            if batch == 0:
                return swept
            swept += batch

    async def aclose(self) -> None:
        """See Store.aclose."""
        self._closed = True
        await self._listener.aclose()
        with suppress(*FAILURES):
            await self._client.aclose()

    async def _write(
        self,
        operation: str,
        key: str,
        value: bytes,
        ttl_s: float | None,
        indexes: Collection[str],
        condition: str,
        expected: bytes = b"",
    ) -> bool:
        now = self._clock()
        end = NEVER if ttl_s is None else now + ttl_s
        listed = sorted(index.encode() for index in set(indexes))
        arguments = [
            self._prefix,
            _number(now),
            key.encode(),
            pack_entry(end, listed, value),
            _number(end),
            0 if ttl_s is None else _milliseconds(ttl_s),
            condition,
            expected,
            *listed,
        ]
        names = [self._name(b"v:", key), self._name(b"ends")]
        for index in listed:
            names += [self._prefix + b"i:" + index, self._prefix + b"o:" + index]
        return bool(await self._run(operation, scripts.PUT, names, arguments))

    async def _listed(self, index: str, first: str, count: int) -> list[tuple[str, bytes | None]]:
        names = self._orders(index)
        keys = await self._run("page", scripts.LISTED, names, [first.encode(), count, 0])
        if keys is None:
            await self._make_order(names)
            # Complete even if an older gateway wrote meanwhile and removed the mark.
            keys = await self._run("page", scripts.LISTED, names, [first.encode(), count, 1])
        return await self._values("page", index, keys)

    async def _make_order(self, names: Sequence[bytes]) -> None:
        """Build the order of an index, in steps, so that the server answers others in between."""
        cursor, mark = b"0", await self._run("page", scripts.MARK, names, [])
        while mark is not None:
            cursor = await self._run("page", scripts.ORDER, names, [mark, cursor, _FIND_BATCH])
            if cursor == b"0":
                return

    async def _values(
        self, operation: str, index: str, keys: Sequence[bytes]
    ) -> list[tuple[str, bytes | None]]:
        """The live values of `keys`; removes keys from the index that do not belong to it."""
        if not keys:
            return []
        async with self._asking(operation):
            values = await self._client.commands.mget([self._prefix + b"v:" + key for key in keys])
        found: list[tuple[str, bytes | None]] = []
        now, wanted, lost = self._clock(), index.encode(), []
        for key, packed in zip(keys, values, strict=True):
            entry = None if packed is None else unpack_entry(packed)
            if entry is None or wanted not in entry.indexes:
                lost.append(key)
                entry = None
            value = entry.value if entry is not None and now < entry.end else None
            found.append((key.decode(), value))
        if lost:
            arguments = [self._prefix, wanted, *lost]
            await self._run(operation, scripts.TIDY, self._orders(index), arguments)
        return found

    async def _run(
        self, operation: str, script: str, names: Sequence[bytes], arguments: Sequence[Any]
    ) -> Any:
        commands, given = self._client.commands, (len(names), *names, *arguments)
        async with self._asking(operation):
            try:
                return await commands.evalsha(scripts.digest(script), *given)
            except NoScriptError:
                return await commands.eval(script, *given)

    @asynccontextmanager
    async def _asking(self, operation: str) -> AsyncIterator[None]:
        self._check()
        try:
            async with asyncio.timeout(_DEADLINE_S), self._slots:
                yield
        except FAILURES as error:
            if isinstance(error, ReadOnlyError):
                with suppress(*FAILURES):
                    await self._client.reconnect()
            raise unavailable(operation, error) from error

    async def _open_subscription(self) -> RedisSubscription:
        return await open_subscription(self._client, self._channel)

    def _check(self) -> None:
        if self._closed:
            raise StoreUnavailableError("redis: closed")

    def _orders(self, index: str) -> list[bytes]:
        return [self._name(b"i:", index), self._name(b"o:", index)]

    def _name(self, kind: bytes, name: str = "") -> bytes:
        return self._prefix + kind + name.encode()


def _number(value: float) -> bytes:
    """A time in seconds for the server, without rounding."""
    return b"+inf" if value == NEVER else repr(float(value)).encode()


def _milliseconds(ttl_s: float) -> int:
    return int((ttl_s + _KEPT_LONGER_S) * 1000)


def build(location: str, _data_dir: Path, clock: Clock) -> RedisStore:
    """The store at the URL `location`; it connects when it is first used.

    Raises:
        ValueError: The URL is not valid.
    """
    return RedisStore(RedisLocation.read(location), clock)
