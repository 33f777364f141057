"""Messages from Redis: one channel of the server carries all channels of the store."""

from contextlib import suppress

from redis.asyncio.connection import AbstractConnection

from gateway.errors import StoreUnavailableError
from gateway.storage.redis_client import FAILURES, RedisClient, unavailable
from gateway.storage.redis_cluster import ClusterClient

# A server that vanished without closing is noticed after twice this time.
_QUIET_S = 3.0


class RedisSubscription:
    """See Subscription."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def next_message(self) -> bytes:
        """See Subscription.next_message."""
        was_asked = False
        try:
            while True:
                reply = await self._connection.read_response(timeout=_QUIET_S)
                if reply is None:
                    if was_asked:
                        raise StoreUnavailableError("redis: listen: no answer")
                    was_asked = True
                    await self._connection.send_command("PING", check_health=False)
                elif reply[0] == b"message":
                    message: bytes = reply[2]
                    return message
                else:
                    was_asked = False
        except FAILURES as error:
            raise unavailable("listen", error) from error

    async def aclose(self) -> None:
        """See Subscription.aclose."""
        with suppress(*FAILURES):
            await self._connection.disconnect(nowait=True)


async def open_subscription(client: RedisClient | ClusterClient, channel: str) -> RedisSubscription:
    """A subscription to `channel`.

    Raises:
        StoreUnavailableError: The server cannot be reached.
    """
    try:
        connection = await client.connect()
    except FAILURES as error:
        raise unavailable("listen", error) from error
    subscription = RedisSubscription(connection)
    try:
        await connection.send_command("SUBSCRIBE", channel, check_health=False)
        await connection.read_response()
    except FAILURES as error:
        await subscription.aclose()
        raise unavailable("listen", error) from error
    except BaseException:
        await subscription.aclose()
        raise
    return subscription
