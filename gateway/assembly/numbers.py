"""The metrics of one worker."""

from functools import partial

from gateway.assembly.lasting import Lasting
from gateway.errors import StoreUnavailableError
from gateway.record.metrics_sum import Snapshot
from gateway.server.front import Front
from gateway.sessions.all_sessions import AllSessions


async def numbers_of(lasting: Lasting, front: Front) -> Snapshot:
    """A snapshot of all metrics, with those that are counted when somebody asks."""
    gauges = lasting.metrics.gauges
    try:
        held = await AllSessions(lasting.sessions, lasting.tokens.sessions).count()
    except StoreUnavailableError:
        # Other metrics show that the store fails, so leave this one out.
        gauges.pop(("gatepost_sessions_active", ()), None)
    else:
        gauges["gatepost_sessions_active", ()] = lambda: held
    for key in [key for key in gauges if key[0] == "gatepost_upstream_connections"]:
        del gauges[key]
    for labels, count in front.upstream_connections().items():
        gauges["gatepost_upstream_connections", labels] = partial(int, count)
    return Snapshot.of(lasting.metrics)
