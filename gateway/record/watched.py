"""The last refusals, and the last requests that a configuration in shadow decides differently.

In the memory of one worker, for those who administer the gateway; never more than so many.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

from gateway.record.audit import CUT, Entry, cut_path

# Of each kind, in each worker.
MOST_KEPT: Final = 250
_PATH_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was refused, without its query, fields and credentials.

    Attributes:
        at: Seconds since the epoch.
        path: Cut where it is long, or where it may hold a session id or code.
        route: None if none matched.
        user: None if nobody was signed in.
    """

    at: float
    request_id: str
    method: str
    host: str
    path: str
    route: str | None
    status: int
    decision: str
    reason: str
    user: str | None
    ip: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A request that a configuration in shadow decides differently.

    Attributes:
        at: Seconds since the epoch.
        member: ``shadow`` for a route with ``enforce: false``, ``shadow_file`` for another file.
        route: The route that decided, and so on; None if none matched.
        shadow_route: The route that would have decided, and so on.
    """

    at: float
    request_id: str
    method: str
    path: str
    user: str | None
    member: str
    route: str | None
    decision: str
    reason: str
    shadow_route: str | None
    shadow_decision: str
    shadow_reason: str


class Watched:
    """What one worker keeps.

    Refusals of those who are signed in have a room of their own, so that whoever sends thousands of
    requests without a credential does not push them out.
    """

    def __init__(self) -> None:
        self._of_people: deque[Refusal] = deque(maxlen=MOST_KEPT)
        self._of_nobody: deque[Refusal] = deque(maxlen=MOST_KEPT)
        self._differences: deque[Difference] = deque(maxlen=MOST_KEPT)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The last refusals, in no order."""
        return (*self._of_people, *self._of_nobody)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The last differences, the newest last."""
        return tuple(self._differences)

    def refused(self, entry: Entry, status: int) -> None:
        """Keep that the request of `entry` was refused with `status`."""
        request, user = entry.request, entry.identity.user or None
        refusal = Refusal(
            at=request.received_at,
            request_id=request.request_id,
            method=request.method[:_PATH_CHARS],
            host=request.host[:_PATH_CHARS],
            path=_short(request.target.path),
            route=entry.route,
            status=status,
            decision=entry.decision,
            reason=entry.reason,
            user=user,
            ip=request.client,
        )
        (self._of_nobody if user is None else self._of_people).append(refusal)

    def differs(self, served: Entry, member: str, shadow: Entry) -> None:
        """Keep that `shadow` is another decision than `served`."""
        request = served.request
        self._differences.append(
            Difference(
                at=request.received_at,
                request_id=request.request_id,
                method=request.method[:_PATH_CHARS],
                path=_short(request.target.path),
                user=served.identity.user or None,
                member=member,
                route=served.route,
                decision=served.decision,
                reason=served.reason,
                shadow_route=shadow.route,
                shadow_decision=shadow.decision,
                shadow_reason=shadow.reason,
            )
        )


def _short(path: str) -> str:
    cut = cut_path(path)
    return cut if len(cut) <= _PATH_CHARS else cut[: _PATH_CHARS - 1] + CUT
