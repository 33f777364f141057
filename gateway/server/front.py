"""State that all connections of a worker share: time, limits, the pipeline, and draining."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Protocol

from gateway.forward.upstream import Upstream
from gateway.pipeline.verdict import RequestHandler
from gateway.server.memory import give_back
from gateway.server.tunnels import Tunnels
from gateway.storage.store import Clock

_log = logging.getLogger(__name__)
_TICK_S = 0.5
# This many connections above the limit get an answer that says why; each lasts some seconds.
_TURNED_AWAY = 100
# How long to wait before giving freed memory back to the system: other clients may free more.
_GIVE_BACK_S = 5.0


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Limits for one client; 0 means no limit.

    Attributes:
        fields: Fields in one head, and in one trailer section.
        header_s: Seconds until a head must be complete.
        keepalive_s: Seconds between two requests.
    """

    head_bytes: int
    fields: int
    body_bytes: int
    header_s: float
    keepalive_s: float
    connections: int


class Watched(Protocol):
    """A connection that the ticker checks."""

    def tick(self, now: float) -> None:
        """Act on timeouts that have passed at loop time `now`."""

    def drain(self) -> None:
        """Close as soon as no request is in progress."""

    def abort(self) -> None:
        """Close at once."""


class Front:
    """Shared by all connections of a worker.

    Attributes:
        now: Loop time of the last tick: at most half a second old, and free to read.
        date: The Date field's line as of the last tick, with the end of the line before it.
        draining: Whether the process is about to end, so that no connection is kept.
        clock: Seconds since the epoch.
        loop_time: The event loop's exact time, in seconds.
        connections: Open client connections.
        tunnels: Open tunnels.
    """

    def __init__(
        self,
        pipeline: RequestHandler,
        limits: ClientLimits,
        upstreams: list[Upstream],
        clock: Clock,
    ) -> None:
        self.pipeline = pipeline
        self.limits = limits
        self.draining = False
        self.now = 0.0
        self.date = b"\r\n"
        self.clock = clock
        self.tunnels = Tunnels()
        self.loop_time: Callable[[], float] = asyncio.get_running_loop().time
        self._upstreams: Sequence[Upstream] = upstreams
        self._retired: list[Upstream] = []
        self.connections: set[Watched] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._empty = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._on_tick: list[Callable[[], None]] = []
        self._give_back_at = 0.0

    def start(self) -> None:
        """Start ticking in the running event loop."""
        self._tick(asyncio.get_running_loop())

    def every_tick(self, listener: Callable[[], None]) -> None:
        """Call `listener` about twice a second."""
        self._on_tick.append(listener)

    @property
    def is_full(self) -> bool:
        """Whether there are more connections than the limit allows."""
        return 0 < self.limits.connections < len(self.connections)

    @property
    def is_overrun(self) -> bool:
        """Whether there are so many connections that new ones get no answer, only a close."""
        return 0 < self.limits.connections + _TURNED_AWAY < len(self.connections)

    def change(
        self, pipeline: RequestHandler, limits: ClientLimits, upstreams: Sequence[Upstream]
    ) -> None:
        """Switch to another configuration; requests in progress finish under the old one."""
        for upstream in self._upstreams:
            upstream.retire()
        self._retired += self._upstreams
        self.pipeline, self.limits, self._upstreams = pipeline, limits, upstreams

    def tunnel_sessions(self, credential: str) -> dict[str, float]:
        """Sessions with an open tunnel; see `Tunnels.sessions`."""
        return self.tunnels.sessions(credential, self.clock() - self.loop_time())

    def upstream_connections(self) -> dict[tuple[str, str], int]:
        """Numbers of connections by (upstream name, ``idle`` or ``busy``)."""
        counts: dict[tuple[str, str], int] = {}
        for upstream in self._upstreams:
            counts[upstream.name, "idle"] = upstream.idle
            counts[upstream.name, "busy"] = upstream.busy
        for upstream in self._retired:
            if upstream.busy:
                key = upstream.name, "busy"
                counts[key] = counts.get(key, 0) + upstream.busy
        return counts

    @property
    def upstreams(self) -> Sequence[Upstream]:
        """Those of the current configuration."""
        return self._upstreams

    def upstream_failures(self) -> list[str]:
        """``NAME: why`` for each upstream whose last connect failed."""
        return [upstream.failure for upstream in self._upstreams if upstream.failure]

    def add(self, connection: Watched) -> None:
        """Register a new client connection."""
        self.connections.add(connection)
        self._empty.clear()

    def remove(self, connection: Watched) -> None:
        """Forget a closed client connection."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    def let_go(self) -> None:
        """Note that a client freed its buffers, so that the memory is given back soon."""
        if not self._give_back_at:
            self._give_back_at = self.now + _GIVE_BACK_S

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `coroutine` as a task and log its failure."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def drain(self, timeout_s: float) -> None:
        """Wait up to `timeout_s` seconds for requests in progress, then close everything."""
        self.draining = True
        for connection in list(self.connections):
            connection.drain()
        if self.connections:
            try:
                async with asyncio.timeout(timeout_s):
                    await self._empty.wait()
            except TimeoutError:
                _log.warning("%d connections did not end in time", len(self.connections))
        self.close()

    def close(self) -> None:
        """Close every connection at once."""
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self.connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        for upstream in (*self._upstreams, *self._retired):
            upstream.close()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        self.date = f"\r\nDate: {formatdate(self.clock(), usegmt=True)}\r\n".encode()
        self._timer = loop.call_later(_TICK_S, self._tick, loop)
        for upstream in self._upstreams:
            upstream.tick(self.now)
        self._retired = [upstream for upstream in self._retired if upstream.busy]
        for connection in list(self.connections):
            connection.tick(self.now)
        self.tunnels.end_expired(self.clock())
        for listener in self._on_tick:
            listener()
        if 0 < self._give_back_at <= self.now:
            self._give_back_at = 0.0
            give_back()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a request failed inside the gateway", exc_info=error)
