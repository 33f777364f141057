"""Whether a gateway can serve, and what is missing."""

from gateway.assembly.lasting import Lasting
from gateway.errors import GatewayError
from gateway.server.admin import RELOAD_FAILED, Readiness
from gateway.server.front import Front


async def readiness_of(front: Front, lasting: Lasting, *, reloaded: bool) -> Readiness:
    """Ask the store, and nobody else; `reloaded` is whether the last reload succeeded.

    Of apps and providers, the last failure that a request met is told: asking them here would make
    each probe wait for all of them.
    """
    if front.draining:
        return Readiness("shutting-down")
    missing = [] if reloaded else [RELOAD_FAILED]
    missing += [f"upstream {it}" for it in front.upstream_failures()]
    missing += [str(it.failure) for it in lasting.providers.values() if it.failure is not None]
    try:
        await lasting.store.ping()
    except GatewayError as error:
        return Readiness(error.reason, (f"store: {error}", *missing))
    return Readiness(missing=tuple(missing))
