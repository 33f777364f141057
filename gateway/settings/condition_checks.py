"""Checks of conditions that need more than the condition itself."""

from collections.abc import Iterator, Mapping, Sequence

from gateway.settings.access import AccessRules, ConditionSettings, Entry, Named, placed
from gateway.settings.conditions import lists_of
from gateway.settings.document import Path, Problem
from gateway.settings.draft import Draft
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import quote, unknown_message
from gateway.settings.upstreams import UpstreamSettings


def check_items(
    route: RouteSettings,
    path: Path,
    upstreams: Mapping[str, UpstreamSettings | None],
    sections: frozenset[str],
) -> Iterator[Problem]:
    """Problems of the conditions of `route`, which is at `path`."""
    if not isinstance(route.access, AccessRules):
        return
    ignores_case = _ignores_case(route, upstreams)
    for rules, name in ((route.access.allow, "allow"), (route.access.deny, "deny")):
        for item in placed(rules, (*path, "access", name)):
            yield from _countries(item.settings, item.path, sections)
            if route.passes_foreign:
                message = (
                    "cannot be combined with foreign_credentials: pass of route"
                    f" {quote(route.name)}: a message is read only for a known user"
                )
                yield from _messages(item.settings, item.path, message)
            if ignores_case is not None:
                yield from _paths(item.settings, item.path, ignores_case)


def _countries(
    condition: ConditionSettings, path: Path, sections: frozenset[str]
) -> Iterator[Problem]:
    if condition.country is not None and "country_file" not in sections:
        message = "needs country_file at the top of the file: the database of countries"
        yield Problem((*path, "country"), message)


def _messages(condition: ConditionSettings, path: Path, message: str) -> Iterator[Problem]:
    for name in condition.of_message:
        yield Problem((*path, name), message)


def _ignores_case(
    route: RouteSettings, upstreams: Mapping[str, UpstreamSettings | None]
) -> str | None:
    """The name of the route's upstream, if the app reads /Admin as /admin."""
    only = next(iter(upstreams)) if len(upstreams) == 1 else None
    name = only if route.upstream is None else route.upstream
    upstream = None if name is None else upstreams.get(name)
    return name if upstream is not None and upstream.path_case == "ignore" else None


def _paths(condition: ConditionSettings, path: Path, upstream: str) -> Iterator[Problem]:
    if condition.when is not None and "path" in condition.when.names:
        message = (
            f"an expression compares path with case, but upstream {quote(upstream)} has path_case:"
            " ignore: give the path a route of its own"
        )
        yield Problem((*path, "when"), message)


def check_admins(draft: Draft) -> Iterator[Problem]:
    """Problems of the conditions of `admins`, and of those of clients."""
    lists: list[tuple[Path, Sequence[Entry]]] = [(("admins",), draft.admins)]
    for name, client in draft.clients.items():
        if client.access is not None:
            at = ("tokens", "clients", name, "access")
            lists += [((*at, "allow"), client.access.allow), ((*at, "deny"), client.access.deny)]
    message = "is about a message to an MCP server, and here there is none"
    for path, entries in lists:
        for item in placed(entries, path):
            yield from _countries(item.settings, item.path, draft.sections)
            yield from _messages(item.settings, item.path, message)


def check_providers(draft: Draft) -> Iterator[Problem]:
    """Unknown providers in the conditions of routes, in `admins` and in named conditions."""
    known = draft.provider_names
    routes = [it.settings for it in draft.routes or ()]
    for path, entries in lists_of(draft.conditions, routes, draft.admins, draft.clients):
        for number, entry in enumerate(entries):
            if isinstance(entry, Named):
                continue  # Its items are checked where they are defined.
            for position, provider in enumerate(entry.provider or ()):
                if provider not in known:
                    message = unknown_message("provider", provider, known)
                    yield Problem((*path, number, "provider", position), message)
