"""Challenges for passkeys: a sealed cookie each, so that only the browser that asked can respond.

The gateway keeps nothing until a response is right; then the challenge is noted in the store, and
no worker or machine takes it again.
"""

import secrets
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

import orjson

from gateway.credentials.passkey_proofs import CHALLENGE_BYTES, Credential, Site, challenge_of
from gateway.endpoints.cookies import cookies_beginning, open_sealed, seal
from gateway.endpoints.deps import Deps
from gateway.errors import GatewayError
from gateway.message.public_url import origin_of
from gateway.message.request import Request
from gateway.message.response import FieldList

VALID_S = 300
# More than one: several tabs may each wait for a response, and fill in user names beside it.
_MOST = 5
_PURPOSE = "passkey"

# What a response to the challenge does: add a passkey, or sign in with one.
Use = Literal["add", "sign-in"]


class PasskeyExpiredError(GatewayError):
    """The challenge is too old, was used, or belongs to another browser or session."""

    reason = "passkey-expired"
    status = 400


class _Kept(NamedTuple):
    cookie: str
    use: Use
    challenge: bytes
    given_at: float
    session_id: str


def site_of(request: Request) -> Site:
    """The site that passkeys of `request` are for: the public URL that serves its host."""
    return Site(urlsplit(request.public_url).hostname or "", origin_of(request.public_url))


def new_challenge(
    deps: Deps, request: Request, use: Use, session_id: str = ""
) -> tuple[bytes, FieldList]:
    """A new challenge, and the fields that keep it in the browser; at most five are kept."""
    challenge, sealer = secrets.token_bytes(CHALLENGE_BYTES), deps.sessions.sealer
    name = _cookie(deps, request, challenge)
    kept = {
        "use": use,
        "challenge": b64encode(challenge).decode(),
        "given_at": deps.clock(),
        "session_id": session_id,
    }
    value = seal(sealer, _PURPOSE, name, orjson.dumps(kept))
    old = sorted(_kept(deps, request), key=lambda it: it.given_at)
    dropped = old[: max(0, len(old) - _MOST + 1)]
    return challenge, (
        deps.cookies.own_cookie(request, name, value, VALID_S),
        *(deps.cookies.no_own_cookie(request, it.cookie) for it in dropped),
    )


def find_challenge(
    deps: Deps, request: Request, credential: Credential, use: Use, session_id: str = ""
) -> bytes:
    """The challenge that `credential` responds to.

    Raises:
        PasskeyExpiredError: This browser was not given it in the last five minutes, for this.
    """
    named = challenge_of(credential)
    now = deps.clock()
    for it in _kept(deps, request):
        is_meant = (it.challenge, it.use, it.session_id) == (named, use, session_id)
        if is_meant and abs(now - it.given_at) < VALID_S:
            return it.challenge
    raise PasskeyExpiredError("the challenge is not known in this browser")


async def spend_challenge(deps: Deps, request: Request, challenge: bytes) -> FieldList:
    """Use up a challenge; the fields that make the browser forget it.

    Call it once a response was found right: who knows no passkey writes nothing to the store.

    Raises:
        PasskeyExpiredError: It was used before.
        StoreUnavailableError: It is unknown whether it was.
    """
    # Longer than it is valid, because machines' clocks differ.
    key = f"passkey-challenge:{sha256(challenge).hexdigest()}"
    if not await deps.store.add_once(key, ttl_s=2.0 * VALID_S):
        raise PasskeyExpiredError("the challenge was used before")
    return (deps.cookies.no_own_cookie(request, _cookie(deps, request, challenge)),)


def _cookie(deps: Deps, request: Request, challenge: bytes) -> str:
    digest = sha256(challenge).hexdigest()[:16]
    return deps.cookies.own_name(request, f"{_PURPOSE}-{digest}")


def _kept(deps: Deps, request: Request) -> list[_Kept]:
    prefix = deps.cookies.own_name(request, f"{_PURPOSE}-")
    found = []
    for name, value in cookies_beginning(request, prefix):
        data = open_sealed(deps.sessions.sealer, _PURPOSE, name, value)
        if data is not None:
            said = orjson.loads(data)
            challenge = b64decode(said["challenge"])
            found.append(_Kept(name, said["use"], challenge, said["given_at"], said["session_id"]))
    return found
