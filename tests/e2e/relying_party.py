"""What an app that knows only OpenID Connect does and hears, apart from any library."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

import requests
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.patience import PATIENCE_S


class LogoutListener:
    """Where a client is told of sign-outs; answers with the next of `statuses`, then with 200."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.tokens = queue.Queue()
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                listener.tokens.put((self.path, dict(parse_qsl(body))))
                status = listener.statuses.pop(0) if listener.statuses else 200
                self.send_response(status)
                if status // 100 == 3:
                    self.send_header("Location", listener.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/told"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self._thread.start()

    def told(self):
        """The next form that comes."""
        path, form = self.tokens.get(timeout=PATIENCE_S)
        assert path == "/told"
        return form

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def verified(issuer, token, algorithm="ES256"):
    """Header and claims of a token that a key of the issuer's key set signed."""
    about = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=30).json()
    keys = KeySet.import_key_set(requests.get(about["jwks_uri"], timeout=30).json())
    found = jwt.decode(token, keys, algorithms=[algorithm])
    assert found.header["kid"]
    return found.header, found.claims
