"""Connections to a Redis or Valkey Cluster.

All names have one hash tag, so one master has all of them at a time.  The driver finds it, and
follows when the cluster says that it is another one.
"""

from contextlib import suppress
from typing import Any

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterError, SlotNotCoveredError

from gateway.storage.location import RedisLocation
from gateway.storage.redis_client import (
    CONNECT_S,
    FAILURES,
    PlainConnection,
    TlsConnection,
    connected,
    login,
    tls,
)

# Less than for one server, so that a second node can still be asked in time.
_ANSWER_S = 0.9


class _NoCommands:
    """In place of the table of commands that the driver would ask a node for, which may be down."""

    async def initialize(self, node: ClusterNode) -> None:
        pass


class _Cluster(RedisCluster):
    def __init__(self, tag: str, **options: Any) -> None:
        super().__init__(**options)
        self._slot = self.keyslot(tag)
        self.commands_parser: Any = _NoCommands()

    async def _determine_slot(self, command: str, *args: Any) -> int:
        return self._slot

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return await super().execute_command(*args, **kwargs)
        except ClusterError as error:
            if type(error) is not ClusterError:
                raise
            raise ClusterError(
                "redirected too often: the cluster may be moving the slot"
            ) from error
        except KeyError as error:
            # The driver looks up the slot in a dictionary.
            raise SlotNotCoveredError("no node has the slot") from error


class ClusterClient:
    """Opens connections to the nodes when they are first used.  See RedisClient.

    Attributes:
        commands: Sends commands, each to the master of its key.
    """

    def __init__(self, location: RedisLocation) -> None:
        self._tag = f"{{{location.prefix}}}"
        self.commands: Any = _Cluster(  # Annotated for both protocols at once.
            self._tag,
            startup_nodes=[ClusterNode(host, port) for host, port in location.hosts],
            # Otherwise names of hosts would be forgotten for addresses, which may all change.
            dynamic_startup_nodes=False,
            # Only one slot matters.
            require_full_coverage=False,
            # At five redirections, the driver would close connections that others wait for.
            reinitialize_steps=0,
            # Report failures at once: the store decides which commands may be repeated.
            retry=Retry(NoBackoff(), 0),
            # RESP3, the driver's default, needs Redis 6.
            protocol=2,
            socket_connect_timeout=CONNECT_S,
            socket_timeout=_ANSWER_S,
            ssl=location.is_tls,
            **tls(location),
            **login(location.user, location.password, location.password_file),
        )
        kind = TlsConnection if location.is_tls else PlainConnection
        self.commands.connection_kwargs["connection_class"] = kind
        for node in self.commands.startup_nodes:
            node.connection_class = kind

    async def connect(self) -> AbstractConnection:
        """A new connection to the master of all names, which the caller must disconnect.

        Raises:
            RedisError, RedisClusterException: The connection failed.
            OSError: The connection failed.
        """
        node = await self._master()
        return await connected(
            node.connection_class(**node.connection_kwargs, retry=Retry(NoBackoff(), 0))
        )

    async def publish(self, channel: str, message: bytes) -> None:
        """Send `message` to all that subscribe to `channel`.

        At the node where all subscribe, so that it arrives even if nodes do not reach each other.
        Nodes pass on what is published elsewhere, so this need not be right.
        """
        await self.commands.publish(channel, message, target_nodes=await self._master())

    async def reconnect(self) -> None:
        """Close idle connections."""
        for node in self.commands.get_nodes():
            await node.disconnect_free_connections()

    async def aclose(self) -> None:
        """Close every connection; safe to call twice."""
        await self.commands.aclose()
        # After a failure, the driver takes itself for closed.
        for nodes in ("nodes_cache", "startup_nodes"):
            with suppress(*FAILURES):
                await self.commands.nodes_manager.aclose(nodes)

    async def _master(self) -> ClusterNode:
        await self.commands.initialize()
        node: ClusterNode = self.commands.get_node_from_key(self._tag)
        return node
