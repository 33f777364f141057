"""A small app with API keys of its own and an OAuth server for MCP; knows users by Remote-User.

    python -m tests.e2e.notes_app

Writes its port as the first line, and serves until its standard input ends.
"""

import base64
import hashlib
import json
import secrets
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

KEYS: dict[str, str] = {}
TOKENS: dict[str, str] = {}
CODES: dict[str, tuple[str, str]] = {}


class RefusedError(Exception):
    """The credential is not one of the app's."""


class App(BaseHTTPRequestHandler):
    """Answers JSON that says whom it took the client for, and which fields it saw."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        """Documents of the OAuth server, its page for people, and notes."""
        url = urlsplit(self.path)
        origin = f"{self.headers['X-Forwarded-Proto']}://{self.headers['X-Forwarded-Host']}"
        if url.path == "/.well-known/oauth-authorization-server":
            self.answer(
                200,
                {
                    "issuer": origin,
                    "authorization_endpoint": f"{origin}/oauth/authorize",
                    "token_endpoint": f"{origin}/oauth/token",
                    "registration_endpoint": f"{origin}/oauth/register",
                },
            )
        elif url.path == "/.well-known/oauth-protected-resource/mcp":
            self.answer(200, {"resource": f"{origin}/mcp", "authorization_servers": [origin]})
        elif url.path == "/oauth/authorize":
            self.authorize({name: values[0] for name, values in parse_qs(url.query).items()})
        else:
            self.tell()

    def do_POST(self):
        """Keys, clients, tokens, and MCP."""
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        if self.path == "/oauth/register":
            self.answer(201, {"client_id": "client", **json.loads(body)})
        elif self.path == "/oauth/token":
            self.token({name: values[0] for name, values in parse_qs(body).items()})
        elif self.path == "/api/keys":
            key = f"app_{secrets.token_hex(8)}"
            KEYS[key] = self.headers["Remote-User"]
            self.answer(201, {"key": key, **self.seen()})
        else:
            self.tell()

    def authorize(self, asked):
        """The user agrees, as users do."""
        code = secrets.token_hex(8)
        CODES[code] = self.headers["Remote-User"], asked["code_challenge"]
        query = urlencode({"code": code, "state": asked["state"]})
        self.answer(302, self.seen(), ("Location", f"{asked['redirect_uri']}?{query}"))

    def token(self, form):
        """A code becomes a token, once, for whoever has the verifier (RFC 7636)."""
        user, challenge = CODES.pop(form["code"], ("", ""))
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
            self.answer(400, {"error": "invalid_grant"})
            return
        token = f"mcp_{secrets.token_hex(8)}"
        TOKENS[token] = user
        self.answer(200, {"access_token": token, "token_type": "Bearer", **self.seen()})

    def tell(self):
        """Say who asks; nobody is not served."""
        try:
            user = self.user()
        except RefusedError:
            metadata = "/.well-known/oauth-protected-resource/mcp"
            challenge = ("WWW-Authenticate", f'Bearer realm="app", resource_metadata="{metadata}"')
            self.answer(401, {"error": "the app does not know you"}, challenge)
        else:
            self.answer(200, {"user": user, **self.seen()})

    def user(self):
        """Whose credential it is; only without one the gateway's word counts."""
        stated = self.headers["X-API-Key"]
        if self.headers["Authorization"]:
            scheme, _, stated = self.headers["Authorization"].partition(" ")
            if scheme.lower() == "basic":
                stated = base64.b64decode(stated).decode().partition(":")[2]
        user = self.headers["Remote-User"] if stated is None else {**KEYS, **TOKENS}.get(stated)
        if not user:
            raise RefusedError
        return user

    def seen(self):
        """The fields about who asks, names in lower case."""
        prefixes = ("remote-", "gatepost-", "authorization", "x-api-key", "cookie")
        pairs = [(name.lower(), value) for name, value in self.headers.items()]
        return {"seen": {name: value for name, value in pairs if name.startswith(prefixes)}}

    def answer(self, status, value, *fields):
        """Answer `value` as JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in (("Content-Type", "application/json"), *fields):
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """One line a request, on standard error."""
        print(self.command, self.path, file=sys.stderr, flush=True)


def main():
    """Serve until standard input ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    main()
