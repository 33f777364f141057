"""An open loop: requests are due at equal steps, whatever the answers do."""

import select
import socket
import time
from collections import deque
from collections.abc import Callable

import tools


def pace(
    port: int, request: Callable[[], bytes], rate: float, seconds: float, *statuses: bytes
) -> list[float]:
    """The latencies in microseconds of requests due `rate` times a second, over 32 connections.

    A request's time counts from when it was due, so that waiting for a free connection counts too.
    Any answer with another status than `statuses` ends the measurement.
    """
    sockets = []
    for _ in range(tools.CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets.append(connection)
    free = deque(sockets)
    due: dict[socket.socket, float] = {}
    left: dict[socket.socket, int] = {}
    taken = []
    step = 1 / rate
    clock = time.perf_counter
    began = clock() + 0.01
    total, sent = int(rate * seconds), 0
    while len(taken) < total:
        now = clock()
        while sent < total and free and (at := began + sent * step) <= now:
            connection = free.popleft()
            connection.sendall(request())
            due[connection] = at
            sent += 1
        next_at = began + sent * step
        wait = 1.0 if sent == total or not free else max(0.0, next_at - clock())
        for connection in select.select(list(due), [], [], wait)[0]:
            part = connection.recv(65536)
            if connection not in left:
                left[connection] = _length_of(part, statuses or (b"200",))
            left[connection] -= len(part)
            if left[connection] <= 0:
                taken.append((clock() - due.pop(connection)) * 1e6)
                del left[connection]
                free.append(connection)
    for connection in sockets:
        connection.close()
    return taken


def _length_of(start: bytes, statuses: tuple[bytes, ...]) -> int:
    """Bytes of the response that begins so: its head comes in one piece."""
    head, _, _ = start.partition(b"\r\n\r\n")
    if head[9:12] not in statuses:
        raise SystemExit(f"an answer that was not expected: {start!r}")
    (length,) = (
        int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"
    )
    return len(head) + 4 + length


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]
