"""A gateway's key set on a real socket, which counts how often it is fetched."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateway.mutate.signer import new_signing_key


@dataclass
class KeySetServer:
    """Serves `keys`, or else what `body`, `status` and `location` say.

    Attributes:
        fetched: How often it was asked.
        hold: While it is not set, answers wait.
    """

    keys: list[dict[str, str]]
    url: str = ""
    fetched: int = 0
    body: bytes | None = None
    status: int = 200
    location: str | None = None
    hold: threading.Event = field(default_factory=threading.Event)

    def document(self) -> bytes:
        """The body of the next answer."""
        if self.body is not None:
            return self.body
        public = [{k: v for k, v in key.items() if k != "d"} for key in self.keys]
        return json.dumps({"keys": public}).encode()


@dataclass
class Monotonic:
    """A clock that tests turn."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic() -> Monotonic:
    return Monotonic()


@pytest.fixture
def key_set() -> Iterator[KeySetServer]:
    """A key set with one key."""
    served = KeySetServer([new_signing_key()])
    served.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.fetched += 1
            served.hold.wait(20)
            body = served.document()
            self.send_response(served.status)
            if served.location is not None:
                self.send_header("Location", served.location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/_gatepost/.well-known/jwks.json"
    yield served
    served.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()
