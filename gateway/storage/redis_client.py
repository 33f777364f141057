"""Connections to Redis or Valkey: to one server, or to the master that sentinels name.

For a Cluster, see redis_cluster.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import ConnectionPool, Redis, Sentinel, SSLConnection
from redis.asyncio.connection import AbstractConnection, Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, MovedError, RedisClusterException, RedisError

from gateway.errors import StoreUnavailableError
from gateway.storage.location import RedisLocation

CONNECT_S = 1.0
ANSWER_S = 1.5
# Short, because several sentinels may have to be asked in turn.
_SENTINEL_S = 0.4


class _PasswordFile(CredentialProvider):
    """Reads the password on every connect, so that it can be changed while the gateway runs."""

    def __init__(self, user: str, path: str) -> None:
        self._user = user
        self._path = path

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = Path(self._path).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise AuthenticationError(f"password_file cannot be read: {error}") from error
        return (self._user, password) if self._user else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


@contextmanager
def _cancellations_kept() -> Iterator[None]:
    """Raise a cancellation that came inside and that the driver lost.

    The driver sends with `asyncio.wait_for`, which on Python 3.11 loses a cancellation that comes
    just as it ends.  The caller would then wait for the next limit, past the store's deadline.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError


class _Sender(AbstractConnection):
    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        try:
            with _cancellations_kept():
                await super().send_packed_command(command, check_health)
        except asyncio.CancelledError:
            await self.disconnect(nowait=True)
            raise


class PlainConnection(_Sender, Connection):
    """A connection that loses no cancellation."""


class TlsConnection(_Sender, SSLConnection):
    """The same with TLS."""


class _ManagedConnection(_Sender, SentinelManagedConnection):
    pass


class _ManagedTlsConnection(_Sender, SentinelManagedSSLConnection):
    pass


class _ManagedPool(SentinelConnectionPool):
    async def get_master_address(self) -> Any:
        with _cancellations_kept():
            return await super().get_master_address()  # type: ignore[no-untyped-call]


class RedisClient:
    """Opens connections to the server when they are first used.

    Attributes:
        commands: Sends commands, each over any connection of a pool.
    """

    def __init__(self, location: RedisLocation) -> None:
        self._sentinel: Sentinel | None = None
        common = {
            # Report failures at once: the store decides which commands may be repeated.
            "retry": Retry(NoBackoff(), 0),
            # RESP3, the driver's default, needs Redis 6.
            "protocol": 2,
            "socket_keepalive": True,
            **tls(location),
        }
        to_server = {
            **common,
            **login(location.user, location.password, location.password_file),
            "db": location.database,
            "socket_connect_timeout": CONNECT_S,
            "socket_timeout": ANSWER_S,
        }
        self._pool: Any  # The driver annotates neither kind.
        if location.sentinel:
            self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
                location.hosts,
                sentinel_kwargs={
                    **common,
                    **login("", "", location.sentinel_password_file),
                    "ssl": location.is_tls,
                    "socket_connect_timeout": _SENTINEL_S,
                    "socket_timeout": _SENTINEL_S,
                },
            )
            managed = _ManagedTlsConnection if location.is_tls else _ManagedConnection
            self._pool = _ManagedPool(  # type: ignore[no-untyped-call]
                location.sentinel, self._sentinel, connection_class=managed, **to_server
            )
        else:
            host, port = location.hosts[0]
            plain = TlsConnection if location.is_tls else PlainConnection
            self._pool = ConnectionPool(connection_class=plain, host=host, port=port, **to_server)
        # Its annotations cover text and bytes and both protocols at once.
        self.commands: Any = Redis(connection_pool=self._pool)

    async def connect(self) -> AbstractConnection:
        """A new connection, which the caller must disconnect.

        Raises:
            RedisError: The connection failed.
            OSError: The connection failed.
        """
        return await connected(self._pool.make_connection())

    async def publish(self, channel: str, message: bytes) -> None:
        """Send `message` to all that subscribe to `channel`."""
        await self.commands.publish(channel, message)

    async def reconnect(self) -> None:
        """Close idle connections, for example after the server became a replica."""
        await self._pool.disconnect(inuse_connections=False)

    async def aclose(self) -> None:
        """Close every connection; safe to call twice."""
        await self._pool.disconnect()
        if self._sentinel is not None:
            for sentinel in self._sentinel.sentinels:
                await sentinel.aclose(close_connection_pool=True)


async def connected(connection: AbstractConnection) -> AbstractConnection:
    """`connection`, once it is open; closed if that fails.

    Raises:
        RedisError: The connection failed.
        OSError: The connection failed.
    """
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    return connection


def unavailable(operation: str, error: Exception) -> StoreUnavailableError:
    """The store's error for `error`, which the driver raised."""
    if isinstance(error, MovedError):
        told = "the server is a node of a Cluster: add cluster=1 to the URL"
        return StoreUnavailableError(f"redis: {operation}: {told}")
    # Some servers repeat the arguments of a command they do not know.
    told = str(error).partition(", with args beginning with")[0] or "no answer in time"
    return StoreUnavailableError(f"redis: {operation}: {told}")


# What the driver raises if the server cannot be asked or does not answer.
FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)


def login(user: str, password: str, password_file: str) -> dict[str, Any]:
    """The driver's options for a user and a password."""
    if password_file:
        return {"credential_provider": _PasswordFile(user, password_file)}
    return {"username": user or None, "password": password or None}


def tls(location: RedisLocation) -> dict[str, Any]:
    """The driver's options for TLS."""
    return {"ssl_ca_certs": location.ca_file or None} if location.is_tls else {}
