"""Says with each response of a deprecated route that it is deprecated."""

from collections.abc import Awaitable

from gateway.forward.outbound import Outbound
from gateway.pipeline.verdict import Answer, Verdict
from gateway.routing.deprecation import Deprecation


def announce(deprecation: Deprecation, verdict: Verdict) -> Verdict:
    """`verdict`, whose response says that the route is deprecated."""
    if isinstance(verdict, Answer):
        return Answer(verdict.response.adding(*deprecation.fields))
    if isinstance(verdict, Outbound):
        verdict.added += deprecation.lines
    return verdict


async def announce_later(deprecation: Deprecation, verdict: Awaitable[Verdict]) -> Verdict:
    """As `announce`, for a verdict that is still awaited."""
    return announce(deprecation, await verdict)
