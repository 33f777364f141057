"""Which cookies reach an app, and under whose name it sets them.  Pure.

With ``cookies: isolate`` an HttpOnly cookie of the app's is kept in the browser as
``name~owner``: only requests of the same owner, an account or nobody, carry it on, under its own
name.  Some apps pin their session to the first identity field they see (pgAdmin 4, Buildbot), and
would otherwise go on serving alice when bob has signed in.
"""

import hmac
import re
from hashlib import sha256

_MARK = b"~"
_OWNED = re.compile(rb"(.+)~([0-9a-f]{16})")
_HTTP_ONLY = re.compile(rb";[ \t]*httponly[ \t]*(?:;|\Z|=)", re.IGNORECASE)


def owner_tag(key: bytes, *parts: str) -> bytes:
    """The name under which an owner's cookies are kept: 16 hexadecimal digits that tell nobody."""
    text = "".join([f"{len(part)}:{part}" for part in parts])
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), sha256).hexdigest()[:16].encode()


def cookies_to_app(fields: list[bytes], own: tuple[bytes, ...], owner: bytes | None) -> bytes:
    """The value of the Cookie field that goes on, ``b""`` for none.

    `own` are the prefixes of the gateway's cookie names; `owner` is the tag of who is asking, or
    None where cookies are shared.
    """
    if not fields:
        return b""
    kept = []
    for pair in b"; ".join(fields).split(b";"):
        stripped = pair.strip(b" \t")
        name, equals, value = stripped.partition(b"=")
        if not stripped or name.startswith(own):
            continue
        found = None if owner is None else _OWNED.fullmatch(name)
        if found is None:
            kept.append(stripped)
        elif found[2] == owner:
            kept.append(found[1] + equals + value)
    return b"; ".join(kept)


def cookie_from_app(value: bytes, owner: bytes | None) -> bytes:
    """A Set-Cookie value as the browser gets it: an HttpOnly one is marked with its owner."""
    if owner is None or _HTTP_ONLY.search(value) is None:
        return value
    name, equals, rest = value.partition(b"=")
    return name.strip(b" \t") + _MARK + owner + equals + rest
