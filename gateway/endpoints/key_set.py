"""``GET .well-known/jwks.json``: the assertion's public keys, for apps to cache."""

import re
from collections.abc import Callable
from hashlib import sha256

from gateway.message.request import Request
from gateway.message.response import Response

# Apps may cache the response this long; on an unknown key id they ask again earlier.
MAX_AGE_S = 300


class KeySetEndpoint:
    """Handler of the key set; `document` returns its JSON, which changes after a rotation."""

    def __init__(self, document: Callable[[], bytes]) -> None:
        self._document = document

    async def serve(self, request: Request, _body: bytes) -> Response:
        """The key set, or 304 if the client's copy is current (RFC 9110, section 13.1.2)."""
        return key_set_answer(request, self._document())


def key_set_answer(request: Request, body: bytes) -> Response:
    """The response with the key set `body`, as `KeySetEndpoint.serve` has it."""
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    fields = (("ETag", tag), ("Cache-Control", f"public, max-age={MAX_AGE_S}"))
    if _has(request, tag):
        return Response(304, fields)
    about = (
        ("Content-Type", "application/jwk-set+json"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Response(200, (*about, *fields), b"" if request.method == "HEAD" else body)


def _has(request: Request, tag: str) -> bool:
    sent = b",".join(request.fields.all(b"if-none-match")).decode("ascii", "replace")
    # Weak comparison (RFC 9110, section 8.8.3.2).
    return sent.strip() == "*" or tag in re.findall(r'"[^"]*"', sent)
