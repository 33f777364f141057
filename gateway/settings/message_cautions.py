"""Warnings about conditions on the message to an MCP server."""

from collections.abc import Iterator

from gateway.settings.access import items_of
from gateway.settings.coverage import deciding
from gateway.settings.document import Problem
from gateway.settings.scalars import quote
from gateway.settings.schema import Settings


def message_cautions(settings: Settings) -> Iterator[Problem]:
    """Routes whose messages the gateway does not see, or judges at one spelling of a path only."""
    for index, route in enumerate(settings.routes):
        if isinstance(route.access, str) or not route.enforce:
            continue
        items = items_of((*route.access.allow, *route.access.deny))
        if not any(item.of_message for item in items):
            continue
        for number, path in enumerate(route.path):
            if _goes_on(settings, f"{path}/"):
                # Express serves both alike, and so do others (trailing slashes, strict routing).
                message = (
                    f"an app that takes {path}/ for {path} gets messages there that no rule was"
                    f" judged on: write prefix: {path}"
                )
                yield Problem(
                    ("routes", index, "path", number), message, rule="message-beside-rules"
                )
        if settings.forward_auth is not None:
            message = (
                f"route {quote(route.name)} refuses every request that a proxy asks about"
                " (forward_auth), because a question has no body: let the proxy send its requests"
                " through the gateway"
            )
            yield Problem(("routes", index, "access"), message, rule="message-not-judged")


def _goes_on(settings: Settings, path: str) -> bool:
    """Whether another route without rules about messages sends a request for `path` to an app."""
    found = deciding(settings.enforced_routes, path)
    if found is None or found.access in ("denied", "gone", "sign_in"):
        return False
    if isinstance(found.access, str):
        return True
    items = items_of((*found.access.allow, *found.access.deny))
    return not any(item.of_message for item in items)
