"""An issuer of access tokens for the bearer case: one key, and a token of the bench's person."""

import json
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread

from joserfc import jwt
from joserfc.jwk import ECKey

AUDIENCE = "https://api.example.com"
_KEY = ECKey.generate_key("P-256", {"kid": "bench", "use": "sig"}, auto_kid=False)


_calls = count()


class _Documents(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        next(_calls)
        issuer = f"http://127.0.0.1:{self.server.server_port}"
        if self.path == "/jwks":
            document = {"keys": [_KEY.as_dict(private=False)]}
        else:
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            document = {"issuer": issuer, **dict.fromkeys(names, f"{issuer}/jwks")}
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@cache
def start_issuer() -> str:
    """Its issuer URL; there is one, and it answers as long as this process lives."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Documents)
    Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def calls() -> int:
    """How often it was asked so far."""
    return int(repr(_calls)[6:-1])


def claims_of(issuer: str) -> dict[str, object]:
    """What a token of alice says, as long as real ones are."""
    now = int(time.time())
    return {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": "2438-alice",
        "client_id": "bench",
        "iat": now,
        "exp": now + 86400,
        "scope": "openid profile email notes:read notes:write",
        "groups": ["admins", "staff"],
        "email": "alice@example.com",
        "email_verified": True,
        "name": "Alice Liddell",
    }


def token_of(issuer: str, number: str = "0123456789abcdef" * 2) -> str:
    """A token of alice; another `number` makes another one."""
    header = {"alg": "ES256", "typ": "at+jwt", "kid": "bench"}
    return jwt.encode(header, {**claims_of(issuer), "jti": number}, _KEY)
