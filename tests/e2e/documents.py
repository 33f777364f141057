"""A server of client ID metadata documents, on loopback with a certificate of its own authority."""

import gzip
import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fixtures.certificates import Authority

CALLBACK = "https://client.test/callback"


@dataclass
class Sent:
    """One answer.

    Attributes:
        hangs: Send nothing after the first bytes of the body, until the server ends.
        repeats: How often the body is sent.
    """

    body: bytes = b""
    status: int = 200
    fields: dict = field(default_factory=lambda: {"Content-Type": "application/json"})
    hangs: bool = False
    repeats: int = 1


class DocumentServer:
    """Serves `documents` by path, and counts the requests for each.

    Attributes:
        ca: The file of the authority to trust.
    """

    def __init__(self, directory):
        authority = Authority(directory)
        pair = authority.issue("documents", "localhost", "127.0.0.1")
        self.ca = authority.cert
        self.documents: dict[str, Sent] = {}
        self.requests: list[tuple[str, dict]] = []
        self.ending = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._server.socket = authority.server_context(pair).wrap_socket(
            self._server.socket, server_side=True
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self):
        """Stop serving."""
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, name="client.json", host="localhost"):
        """The URL of a document."""
        return f"https://{host}:{self.port}/{name}"

    def add(self, name="client.json", *, client_id=None, sent=None, **more):
        """Serve a document with these members; returns its URL."""
        url = self.url(name)
        about = {
            "client_id": client_id or url,
            "client_name": "A Client",
            "redirect_uris": [CALLBACK],
            **more,
        }
        self.documents[f"/{name}"] = sent or Sent(json.dumps(about).encode())
        return url

    def count(self, name="client.json"):
        """How often the document was asked for."""
        return sum(path == f"/{name}" for path, _ in self.requests)

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.requests.append((self.path, dict(self.headers)))
                sent = server.documents.get(self.path, Sent(status=404))
                with suppress(OSError):
                    self.send_response(sent.status)
                    for name, value in sent.fields.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(sent.body) * sent.repeats))
                    self.end_headers()
                    if sent.hangs:
                        self.wfile.write(sent.body[:1])
                        server.ending.wait()
                        return
                    for _ in range(sent.repeats):
                        self.wfile.write(sent.body)

            def log_message(self, *_):
                pass

        return Handler


def bomb(document: bytes) -> Sent:
    """`document` with blanks around it, compressed from more than may be sent."""
    fields = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    return Sent(gzip.compress(b" " * 1_000_000 + document), fields=fields)
