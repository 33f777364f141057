"""Warnings about conditions on the message to an MCP server."""

from collections.abc import Iterator

from gateway.settings.access import items_of
from gateway.settings.document import Problem
from gateway.settings.scalars import quote
from gateway.settings.schema import Settings


def message_cautions(settings: Settings) -> Iterator[Problem]:
    """Routes whose messages the gateway does not see where a proxy only asks."""
    if settings.forward_auth is None:
        return
    for index, route in enumerate(settings.routes):
        if isinstance(route.access, str) or not route.enforce:
            continue
        items = items_of((*route.access.allow, *route.access.deny))
        if any(item.of_message for item in items):
            message = (
                f"route {quote(route.name)} refuses every request that a proxy asks about"
                " (forward_auth), because a question has no body: let the proxy send its requests"
                " through the gateway"
            )
            yield Problem(("routes", index, "access"), message, rule="message-not-judged")
