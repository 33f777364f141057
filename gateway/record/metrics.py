"""Metrics: plain integers on the hot path, read by a collector at each scrape.

Labels are route names, reason codes, methods and provider names, never a path, a user or a key,
so the configuration bounds the number of time series.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

# Upper bounds in seconds; one more bucket counts everything above.
BOUNDS: Final[tuple[float, ...]] = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
_LEAST_S: Final = 0.001
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"
# Of a request that a configuration in shadow decides differently: the member of the audit line;
# route, decision and reason; and those of the shadow.
ShadowChange = tuple[str, str, str, str, str, str, str]
# Counters that are summed over all workers, and are no metrics.
UNPUBLISHED: Final = ("shadow_changes",)
# Clients choose these names themselves; any beyond this many count as "other".
_MOST_CLIENTS = 50


class Tally:
    """A count of something frequent, which `Metrics` takes over when somebody reads it."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Answered:
    """What is counted of requests that were answered alike."""

    __slots__ = ("count", "seconds")

    def __init__(self, seconds: "Histogram") -> None:
        self.count = 0
        self.seconds = seconds

    def add(self, duration_s: float) -> None:
        """Count one request."""
        self.count += 1
        self.seconds.observe(duration_s)


class Histogram:
    """Counts of durations by bucket, and their sum in seconds."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum_s = 0.0

    def observe(self, duration_s: float) -> None:
        """Count one duration."""
        self.counts[0 if duration_s <= _LEAST_S else _bucket(duration_s)] += 1
        self.sum_s += duration_s


def _bucket(duration_s: float) -> int:
    bucket = 0
    for bound in BOUNDS:
        if duration_s <= bound:
            break
        bucket += 1
    return bucket


class Metrics:
    """All metrics of one worker.

    Attributes:
        gauges: Name and label values -> a function that returns the current value.
    """

    def __init__(self) -> None:
        self._requests: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self._decisions: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._authentications: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._answered: dict[tuple[str, str, int, str, str], Answered] = {}
        self._accepted: dict[str, Tally] = {}
        self.sign_ins: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.client_tokens: defaultdict[tuple[str], int] = defaultdict(int)
        self.session_refreshes: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.deprecated_requests: defaultdict[tuple[str, str], int] = defaultdict(int)
        # Present from the start, so that the first drop is an increase.
        self.audit_dropped: defaultdict[tuple[str], int] = defaultdict(int)
        self.audit_dropped.update({("queue-full",): 0, ("write-failed",): 0})
        self.shadow_decisions: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self.shadow_differences: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        # Not in the exposition: the desk tells them apart by reason.
        self.shadow_changes: defaultdict[ShadowChange, int] = defaultdict(int)
        self._clients: set[str] = set()
        self.request_seconds: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.upstream_seconds: defaultdict[str, Histogram] = defaultdict(Histogram)
        self.store_seconds: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)
        self.gauges: dict[tuple[str, tuple[str, ...]], Callable[[], float]] = {}

    @property
    def requests(self) -> defaultdict[tuple[str, str, int], int]:
        """Answered requests by route, method and status."""
        self._take_over()
        return self._requests

    @property
    def decisions(self) -> defaultdict[tuple[str, str, str], int]:
        """Decisions by route, decision and reason."""
        self._take_over()
        return self._decisions

    @property
    def authentications(self) -> defaultdict[tuple[str, str], int]:
        """Judged credentials by kind and outcome."""
        for credential, tally in self._accepted.items():
            self._authentications[credential, "success"] += tally.count
            tally.count = 0
        return self._authentications

    def answered(
        self, route: str, method: str, status: int, decision: str, reason: str
    ) -> Answered:
        """Where to count requests that are answered so."""
        if method not in METHODS:
            method = "other"  # Clients can invent any number of methods.
        key = route, method, status, decision, reason
        known = self._answered.get(key)
        if known is None:
            known = self._answered[key] = Answered(self.request_seconds[route])
        return known

    def count_authentication(self, credential: str, outcome: str) -> None:
        """Count one judged credential."""
        if outcome != "success":
            self._authentications[credential, outcome] += 1
            return
        tally = self._accepted.get(credential)
        if tally is None:
            tally = self._accepted[credential] = Tally()
        tally.count += 1

    def _take_over(self) -> None:
        for (route, method, status, decision, reason), answered in self._answered.items():
            if answered.count:
                self._requests[route, method, status] += answered.count
                self._decisions[route, decision, reason] += answered.count
                answered.count = 0

    def count_deprecated(self, route: str, client: str) -> None:
        """Count a request to a deprecated route; `client` is a name that the client chose."""
        if client not in self._clients:
            if len(self._clients) < _MOST_CLIENTS:
                self._clients.add(client)
            else:
                client = "other"
        self.deprecated_requests[route, client] += 1

    def count_client_tokens(self, kind: str) -> None:
        """Count a code that was redeemed by a client of `kind`: where it is registered."""
        self.client_tokens[kind,] += 1

    def count_audit_dropped(self, reason: str, lines: int) -> None:
        """Count `lines` of the audit that were not written."""
        self.audit_dropped[reason,] += lines


COUNTERS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "requests": (
        "gatepost_requests",
        "Requests answered.",
        ("route", "method", "status"),
    ),
    "decisions": ("gatepost_decisions", "Decisions taken.", ("route", "decision", "reason")),
    "authentications": (
        "gatepost_authentications",
        "Credentials judged.",
        ("credential", "outcome"),
    ),
    "sign_ins": ("gatepost_sign_ins", "Sign-ins that came to an end.", ("provider", "outcome")),
    "client_tokens": (
        "gatepost_client_tokens",
        "Codes that clients redeemed for tokens.",
        ("kind",),
    ),
    "session_refreshes": (
        "gatepost_session_refreshes",
        "Sessions refreshed at their provider.",
        ("provider", "outcome"),
    ),
    "deprecated_requests": (
        "gatepost_deprecated_requests",
        "Requests to routes that are deprecated.",
        ("route", "client"),
    ),
    "shadow_decisions": (
        "gatepost_shadow_decisions",
        "Decisions of routes that are not enforced.",
        ("route", "decision", "reason"),
    ),
    "shadow_differences": (
        "gatepost_shadow_differences",
        "Requests that a configuration in shadow decides differently.",
        ("route", "decision", "shadow"),
    ),
    "audit_dropped": (
        "gatepost_audit_lines_dropped",
        "Lines of the audit that were not written.",
        ("reason",),
    ),
}
HISTOGRAMS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "request_seconds": (
        "gatepost_request_duration_seconds",
        "From the request's head to the end of the answer.",
        ("route",),
    ),
    "upstream_seconds": (
        "gatepost_upstream_duration_seconds",
        "From the request sent upstream to the end of the answer.",
        ("upstream",),
    ),
    "store_seconds": (
        "gatepost_store_duration_seconds",
        "Operations of the store.",
        ("store", "operation"),
    ),
}
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "gatepost_sessions_active": ("Sessions that the store holds.", ()),
    "gatepost_upstream_connections": ("Connections to the upstream.", ("upstream", "state")),
    "gatepost_tunnels_active": ("WebSockets, other upgrades, and streams of events.", ()),
    "gatepost_config_last_reload_success": ("Whether the last configuration was taken.", ()),
}
