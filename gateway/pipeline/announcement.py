"""Adds the deprecation fields to responses of a deprecated route."""

from collections.abc import Awaitable

from gateway.forward.outbound import Outbound
from gateway.pipeline.verdict import Answer, Verdict
from gateway.routing.deprecation import Deprecation


def announce(deprecation: Deprecation, verdict: Verdict) -> Verdict:
    """`verdict` with the deprecation fields added to its response."""
    if isinstance(verdict, Answer):
        return Answer(verdict.response.adding(*deprecation.fields))
    if isinstance(verdict, Outbound):
        verdict.added += deprecation.lines
    return verdict


async def announce_later(deprecation: Deprecation, verdict: Awaitable[Verdict]) -> Verdict:
    """As `announce`, for a verdict that is still awaited."""
    return announce(deprecation, await verdict)
