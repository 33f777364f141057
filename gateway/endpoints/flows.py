"""Sign-ins in progress in one browser: a sealed cookie each, at most five, oldest dropped first.

The gateway keeps nothing, so unfinished sign-ins cost nothing, and those in two tabs can finish in
any order.  A dropped one restarts when the browser comes back: the flow's state carries a sealed
note with its return_to.
"""

import json
import logging
import secrets
import zlib
from dataclasses import replace
from hashlib import sha256
from typing import NamedTuple

from gateway.endpoints.cookies import (
    MAX_COOKIE_BYTES,
    CookieRules,
    cookies_beginning,
    names_beginning,
    open_sealed,
    seal,
)
from gateway.message.public_url import home_of
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.message.return_to import MAX_RETURN_TO_CHARS
from gateway.oidc.flow import FLOW_TTL_S, Flow, decode_flow, encode_flow
from gateway.sealing.sealer import Sealer

_log = logging.getLogger(__name__)

MAX_FLOWS = 5
# Some providers accept no more than 2,000 characters of state.
_MAX_NOTED_CHARS = 1000
_BROWSER_BYTES = 12
# Kept longer than it is valid, so that a user who comes back late sees why the sign-in failed.
_KEPT_S = 2 * FLOW_TTL_S
LOOP_SIGN_INS = 3
LOOP_S = 30
_FLOW, _LOOP, _NOTE = "flow", "done", "note"


class KeptFlow(NamedTuple):
    """A flow, its cookie's name, and the mark of the browser that started it."""

    cookie: str
    flow: Flow
    browser: bytes


class Note(NamedTuple):
    """Travels with a flow's state: the mark of the browser that started it, and its return_to."""

    browser: bytes
    return_to: str


def kept_flows(request: Request, rules: CookieRules, sealer: Sealer) -> list[KeptFlow]:
    """The flows that this browser has started, oldest first."""
    prefix = rules.own_name(request, f"{_FLOW}-")
    found = []
    for name, value in cookies_beginning(request, prefix):
        data = open_sealed(sealer, _FLOW, name, value)
        kept = None if data is None else _unpacked(name, data)
        if kept is not None:
            found.append(kept)
    return sorted(found, key=lambda kept: kept.flow.started_at)


def browser_mark(flows: list[KeptFlow]) -> bytes:
    """The mark of the browser that started `flows`, or a new one."""
    return flows[-1].browser if flows else secrets.token_bytes(_BROWSER_BYTES)


def keep_flow(
    request: Request, rules: CookieRules, sealer: Sealer, flow: Flow, browser: bytes
) -> FieldList:
    """The fields that store `flow` in the browser and drop the oldest beyond the limit."""
    field = _flow_cookie(request, rules, sealer, flow, browser)
    if len(field[1]) > MAX_COOKIE_BYTES:
        chars, request_id = len(flow.return_to), request.request_id
        _log.warning(
            "return_to of %d characters fits no cookie: dropped",
            chars,
            extra={"request_id": request_id},
        )
        field = _flow_cookie(
            request, rules, sealer, replace(flow, return_to=home_of(request)), browser
        )
    readable = [kept.cookie for kept in kept_flows(request, rules, sealer)]
    dropped = readable[: max(0, len(readable) - MAX_FLOWS + 1)]
    prefix = rules.own_name(request, f"{_FLOW}-")
    unreadable = [sent for sent in names_beginning(request, prefix) if sent not in readable]
    return (field, *(rules.no_own_cookie(request, old) for old in (*dropped, *unreadable)))


def _flow_cookie(
    request: Request, rules: CookieRules, sealer: Sealer, flow: Flow, browser: bytes
) -> tuple[str, str]:
    # Named after the state, so that tabs opened at the same moment do not overwrite each other's.
    digest = sha256(flow.state.encode()).hexdigest()[:16]
    name = rules.own_name(request, f"{_FLOW}-{digest}")
    value = seal(sealer, _FLOW, name, _packed(flow, browser))
    return rules.own_cookie(request, name, value, _KEPT_S)


def _packed(flow: Flow, browser: bytes) -> bytes:
    # return_to may be chosen by an attacker, so it is not compressed together with the secrets.
    return_to = zlib.compress(flow.return_to.encode(), 9)
    return b"".join((browser, encode_flow(replace(flow, return_to="")), b"\n", return_to))


def _unpacked(cookie: str, data: bytes) -> KeptFlow | None:
    encoded, _, packed = data[_BROWSER_BYTES:].partition(b"\n")
    try:
        flow = decode_flow(encoded)
        return_to = zlib.decompressobj().decompress(packed, MAX_RETURN_TO_CHARS).decode()
    except (ValueError, zlib.error):
        return None
    return KeptFlow(cookie, replace(flow, return_to=return_to), data[:_BROWSER_BYTES])


def seal_note(sealer: Sealer, redirect_uri: str, note: Note) -> str:
    """`note` for the state of a flow with this `redirect_uri`; ``""`` if it is too long."""
    if len(note.return_to) > _MAX_NOTED_CHARS:
        return ""
    return seal(sealer, _NOTE, redirect_uri, note.browser + note.return_to.encode())


def open_note(sealer: Sealer, redirect_uri: str, sealed: str) -> Note | None:
    """The note that `seal_note` was given; None if `sealed` is not from it."""
    data = open_sealed(sealer, _NOTE, redirect_uri, sealed)
    return None if data is None else Note(data[:_BROWSER_BYTES], data[_BROWSER_BYTES:].decode())


def drop_flows(request: Request, rules: CookieRules) -> FieldList:
    """The fields that make the browser forget all sign-ins, in progress or recently completed."""
    # A user who signs out is not in a sign-in loop, so clear the loop counter too.
    prefixes = (rules.own_name(request, f"{_FLOW}-"), rules.own_name(request, _LOOP))
    names = (name for prefix in prefixes for name in names_beginning(request, prefix))
    return tuple(rules.no_own_cookie(request, name) for name in names)


def recent_sign_ins(
    request: Request, rules: CookieRules, sealer: Sealer, now: float
) -> tuple[float, ...]:
    """Times of the sign-ins that this browser completed in the last thirty seconds."""
    name = rules.own_name(request, _LOOP)
    for value in request.cookies(name):
        data = open_sealed(sealer, _LOOP, name, value)
        if data is not None:
            return tuple(at for at in json.loads(data) if abs(now - at) < LOOP_S)
    return ()


def count_sign_in(request: Request, rules: CookieRules, sealer: Sealer, now: float) -> FieldList:
    """The field that records a sign-in completed at `now`."""
    name = rules.own_name(request, _LOOP)
    times = [*recent_sign_ins(request, rules, sealer, now), now][-LOOP_SIGN_INS:]
    return (
        rules.own_cookie(
            request, name, seal(sealer, _LOOP, name, json.dumps(times).encode()), LOOP_S
        ),
    )


def goes_in_circles(request: Request, rules: CookieRules, sealer: Sealer, now: float) -> bool:
    """Whether the browser completed three sign-ins within thirty seconds before this one."""
    return len(recent_sign_ins(request, rules, sealer, now)) >= LOOP_SIGN_INS
