"""Checks of MCP routes: the gateway must be the only authorization server of their paths."""

from collections.abc import Iterator

from gateway.kinds import KINDS
from gateway.settings.document import Path, Problem
from gateway.settings.draft import Draft
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote

# Where an app would describe an authorization server of its own (RFC 8414, RFC 9728).
_OAUTH_METADATA = (
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-authorization-server",
    "/.well-known/openid-configuration",
)


def check_mcp(draft: Draft) -> Iterator[Problem]:
    """Problems of the routes with ``mcp: true``."""
    for index, route in enumerate(draft.routes or ()):
        if route.settings is not None and route.settings.mcp:
            yield from _route(draft, route.settings, ("routes", index))


def _route(draft: Draft, route: RouteSettings, path: Path) -> Iterator[Problem]:
    if route.regex is not None:
        message = "an MCP server needs a path or prefix, which is in its URL"
        yield Problem((*path, "regex"), message)
    if not route.asks_for_credentials:
        message = (
            f"needs signed_in or rules, not {route.access}: tokens are not looked at otherwise"
        )
        yield Problem((*path, "access"), message)
    if route.credentials and "token" not in route.credentials:
        yield Problem((*path, "credentials"), "needs token, which MCP clients send")
    if route.passes_foreign:
        message = "pass is for an app that is its own authorization server: leave it out, or mcp"
        yield Problem((*path, "foreign_credentials"), message)
    if not draft.takes(KINDS["session"]):
        message = "needs a provider or local accounts, where people sign in for an MCP client"
        yield Problem((*path, "mcp"), message)
    for number, other in enumerate(draft.routes or ()):
        if other.settings is None or not _share_a_host(route, other.settings):
            continue
        named = _names_own_oauth(other.settings)
        if named is not None:
            message = (
                f"route {quote(other.settings.name)} leaves {named} to the app: an app that is"
                " its own authorization server is no mcp route"
            )
            yield Problem(("routes", number, "access"), message)


def _share_a_host(route: RouteSettings, other: RouteSettings) -> bool:
    return not route.host or not other.host or not set(route.host).isdisjoint(other.host)


def _names_own_oauth(route: RouteSettings) -> str | None:
    """The authorization server's document that a public route leaves to the app, if any."""
    if route.access != "public":
        return None
    named = (*route.path, *(it.rstrip("/") for it in route.prefix))
    return next((it for it in named for known in _OAUTH_METADATA if it.startswith(known)), None)
