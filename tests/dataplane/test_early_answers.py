"""An app may answer without reading the body, and close: its answer reaches the client."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.dataplane.harness import request
from tests.patience import PATIENCE_S

ANSWER = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\n\r\ntoo big"
SIZES = [2, 100, 5_000, 60_000, 1_000_000]
TRIES = 30


def _serve_one(connection: socket.socket, *, reset: bool, corked: bool) -> None:
    """Read the head byte by byte, so that nothing of the body is read, answer and leave."""
    if corked:
        # tcp(7): what is sent goes out with the end of the connection.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        if not piece:
            return
        head += piece
    connection.sendall(ANSWER)
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


@contextlib.contextmanager
def hasty_app(
    *, reset: bool = False, corked: bool = False
) -> Iterator[tuple[str, threading.Semaphore]]:
    """A server in a thread, and how often it has closed: asyncio's would read what comes."""
    closed = threading.Semaphore(0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        _serve_one(connection, reset=reset, corked=corked)
                    closed.release()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", closed
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def in_chunks(body: bytes) -> list[bytes]:
    """`body` in pieces, each a chunk of its own, and the end."""
    step = max(len(body) // 8, 1)
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    return [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces] + [b"0\r\n\r\n"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("framing", ["chunks", "length"])
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
async def test_its_answer_arrives(gateway, size, framing, reset):
    body = b"x" * size
    pieces = in_chunks(body) if framing == "chunks" else [body[: size // 2], body[size // 2 :]]
    field = "Transfer-Encoding: chunked" if framing == "chunks" else f"Content-Length: {size}"
    statuses = []

    with hasty_app(reset=reset) as (url, closed):
        running = await gateway(url)
        for _ in range(TRIES):
            client = await running.client()
            client.writer.write(request("/", field, method="POST"))
            for piece in pieces:
                with contextlib.suppress(ConnectionError):
                    await client.send(piece)
            answer = await client.response()
            statuses.append((answer.status, answer.body))
            client.abort()
            # Or it could close just as the next request is sent, which no proxy can tell.
            await asyncio.to_thread(closed.acquire, timeout=PATIENCE_S)

    assert statuses == [(413, b"too big")] * TRIES


async def test_a_request_that_cannot_be_repeated_is_not_sent_to_an_app_that_has_closed(gateway):
    """The answer and the end come in one packet, and the loop has read the answer alone."""
    post = request("/", "Content-Length: 0", method="POST")

    with hasty_app(corked=True) as (url, _):
        client = await (await gateway(url)).client()
        # At once, so that the second follows the first answer without a turn of the loop.
        await client.send(post * TRIES)
        answers = [await client.response() for _ in range(TRIES)]

    assert [(it.status, it.body) for it in answers] == [(413, b"too big")] * TRIES
