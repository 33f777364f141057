"""Sign-ins under way in one browser: a sealed cookie each, at most five, the oldest dropped.

Nothing is kept at the gateway, so unfinished sign-ins cost nothing, and one in each of two tabs
can be finished in any order.
"""

import json
from hashlib import sha256
from typing import NamedTuple

from gateway.endpoints.cookies import (
    CookieRules,
    cookies_beginning,
    names_beginning,
    no_own_cookie,
    open_sealed,
    own_cookie,
    seal,
)
from gateway.message.request import Request
from gateway.message.response import FieldList
from gateway.oidc.flow import FLOW_TTL_S, Flow, decode_flow, encode_flow
from gateway.sessions.sealing import Sealer

MAX_FLOWS = 5
# Kept for longer than it is good, so that who comes back late is told why it failed.
_KEPT_S = 2 * FLOW_TTL_S
LOOP_SIGN_INS = 3
LOOP_S = 30
_FLOW, _LOOP = "flow", "done"


class KeptFlow(NamedTuple):
    """A flow and the cookie it came in."""

    cookie: str
    flow: Flow


def kept_flows(request: Request, rules: CookieRules, sealer: Sealer) -> list[KeptFlow]:
    """The flows this browser has begun, the oldest first."""
    prefix = rules.own_name(request, f"{_FLOW}-")
    found = []
    for name, value in cookies_beginning(request, prefix):
        data = open_sealed(sealer, _FLOW, name, value)
        flow = None if data is None else _decoded(data)
        if flow is not None:
            found.append(KeptFlow(name, flow))
    return sorted(found, key=lambda kept: kept.flow.started_at)


def _decoded(data: bytes) -> Flow | None:
    try:
        return decode_flow(data)
    except ValueError:
        return None


def keep_flow(request: Request, rules: CookieRules, sealer: Sealer, flow: Flow) -> FieldList:
    """The fields that keep `flow` with the browser and drop the oldest where it has too many."""
    # Named after its state, so that tabs opened at the same moment do not take each other's.
    digest = sha256(flow.state.encode()).hexdigest()[:16]
    name = rules.own_name(request, f"{_FLOW}-{digest}")
    value = seal(sealer, _FLOW, name, encode_flow(flow))
    readable = [kept.cookie for kept in kept_flows(request, rules, sealer)]
    dropped = readable[: max(0, len(readable) - MAX_FLOWS + 1)]
    prefix = rules.own_name(request, f"{_FLOW}-")
    unreadable = [sent for sent in names_beginning(request, prefix) if sent not in readable]
    return (
        own_cookie(request, name, value, _KEPT_S),
        *(no_own_cookie(request, old) for old in (*dropped, *unreadable)),
    )


def drop_flows(request: Request, rules: CookieRules) -> FieldList:
    """The fields that make the browser forget every sign-in, under way or completed lately."""
    # Who signs out does not go in circles.
    prefixes = (rules.own_name(request, f"{_FLOW}-"), rules.own_name(request, _LOOP))
    names = (name for prefix in prefixes for name in names_beginning(request, prefix))
    return tuple(no_own_cookie(request, name) for name in names)


def recent_sign_ins(
    request: Request, rules: CookieRules, sealer: Sealer, now: float
) -> tuple[float, ...]:
    """When this browser completed sign-ins in the last thirty seconds."""
    name = rules.own_name(request, _LOOP)
    for value in request.cookies(name):
        data = open_sealed(sealer, _LOOP, name, value)
        if data is not None:
            return tuple(at for at in json.loads(data) if abs(now - at) < LOOP_S)
    return ()


def count_sign_in(request: Request, rules: CookieRules, sealer: Sealer, now: float) -> FieldList:
    """The field that notes a sign-in completed at `now`."""
    name = rules.own_name(request, _LOOP)
    times = [*recent_sign_ins(request, rules, sealer, now), now][-LOOP_SIGN_INS:]
    return (
        own_cookie(request, name, seal(sealer, _LOOP, name, json.dumps(times).encode()), LOOP_S),
    )


def goes_in_circles(request: Request, rules: CookieRules, sealer: Sealer, now: float) -> bool:
    """Whether three sign-ins were completed within thirty seconds, and yet one more is begun."""
    return len(recent_sign_ins(request, rules, sealer, now)) >= LOOP_SIGN_INS
