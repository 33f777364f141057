"""Named conditions: what a name stands for, and names that stand for nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from types import MappingProxyType

from gateway.settings.access import AccessRules, Entry, Named, NamedItem
from gateway.settings.document import Path, Problem
from gateway.settings.routes import RouteSettings
from gateway.settings.scalars import unknown_message
from gateway.settings.tokens import ClientSettings

Definitions = Mapping[str, Sequence[Entry]]
Clients = Mapping[str, ClientSettings]
_NO_CLIENTS: Clients = MappingProxyType({})


def resolver(defined: Definitions) -> Callable[[Iterable[Entry]], tuple[Entry, ...]]:
    """What gives each known name in a list of conditions the items that it stands for."""
    found: dict[str, Named] = {}

    def resolved(entry: Entry) -> Entry:
        if not isinstance(entry, Named) or entry.name not in defined:
            return entry
        if entry.name not in found:
            found[entry.name] = Named(entry.name, tuple(_items(entry.name, defined)))
        return found[entry.name]

    return lambda entries: tuple(map(resolved, entries))


def with_items(routes: Iterable[RouteSettings], defined: Definitions) -> tuple[RouteSettings, ...]:
    """`routes`, in which each known name has its items."""
    resolve = resolver(defined)

    def route_of(route: RouteSettings) -> RouteSettings:
        access = route.access
        if isinstance(access, str) or not any(_names((*access.allow, *access.deny))):
            return route
        return route.model_copy(update={"access": _resolved(access, resolve)})

    return tuple(map(route_of, routes))


def clients_with_items(clients: Clients, defined: Definitions) -> Clients:
    """`clients`, in whose `access` each known name has its items."""
    resolve = resolver(defined)
    return {
        name: it
        if it.access is None
        else it.model_copy(update={"access": _resolved(it.access, resolve)})
        for name, it in clients.items()
    }


def _resolved(
    access: AccessRules, resolve: Callable[[Iterable[Entry]], tuple[Entry, ...]]
) -> AccessRules:
    lists = {"allow": resolve(access.allow), "deny": resolve(access.deny)}
    return access.model_copy(update=lists)


def _items(name: str, defined: Definitions) -> Iterator[NamedItem]:
    """The items of the condition `name`, each once, however the definitions refer to each other."""
    left, seen = [(name, name)], {name}
    while left:
        at, trail = left.pop()
        inner = []
        for index, entry in enumerate(defined.get(at, ())):
            if not isinstance(entry, Named):
                yield NamedItem(f"{trail}[{index}]", ("conditions", at, index), entry)
            elif entry.name not in seen:
                seen.add(entry.name)
                inner.append((entry.name, f"{trail} {entry.name}"))
        left += reversed(inner)


def check_conditions(
    defined: Mapping[str, Sequence[Entry] | None],
    routes: Sequence[RouteSettings | None],
    admins: Sequence[Entry],
    clients: Clients = _NO_CLIENTS,
) -> Iterator[Problem]:
    """Problems with names; None stands for what could not be read."""
    for path, entries in lists_of(defined, routes, admins, clients):
        for index, entry in enumerate(entries):
            if isinstance(entry, Named) and entry.name not in defined:
                yield Problem((*path, index), _unknown(entry.name, defined))
    circle = _circle({name: list(_names(entries or ())) for name, entries in defined.items()})
    if circle:
        message = f"stands for itself: {' -> '.join(circle)}"
        yield Problem(("conditions", circle[0]), message)


def _circle(names: Mapping[str, Iterable[str]]) -> list[str]:
    """Names of which each refers to the next, and the last to the first; empty if none do."""
    try:
        TopologicalSorter(names).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def _unknown(name: str, defined: Iterable[str]) -> str:
    message = unknown_message("condition", name, defined)
    return message if defined else f"{message}: define it in conditions, or write {{group: {name}}}"


def lists_of(
    defined: Mapping[str, Sequence[Entry] | None],
    routes: Sequence[RouteSettings | None],
    admins: Sequence[Entry],
    clients: Clients = _NO_CLIENTS,
) -> Iterator[tuple[Path, Sequence[Entry]]]:
    """Every list of conditions, with its path; None stands for what could not be read."""
    for name, entries in defined.items():
        yield ("conditions", name), entries or ()
    yield ("admins",), admins
    for number, route in enumerate(routes):
        if route is not None and isinstance(route.access, AccessRules):
            yield ("routes", number, "access", "allow"), route.access.allow
            yield ("routes", number, "access", "deny"), route.access.deny
    for client, settings in clients.items():
        if settings.access is not None:
            at = ("tokens", "clients", client, "access")
            yield (*at, "allow"), settings.access.allow
            yield (*at, "deny"), settings.access.deny


def _names(entries: Iterable[Entry]) -> Iterator[str]:
    return (entry.name for entry in entries if isinstance(entry, Named))


def _reached(entries: Iterable[Entry], defined: Definitions) -> set[str]:
    """The names in `entries`, and those that these stand for in turn."""
    found: set[str] = set()
    left = list(_names(entries))
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += _names(defined.get(name, ()))
    return found


def unused(
    defined: Definitions,
    routes: Sequence[RouteSettings],
    admins: Sequence[Entry],
    clients: Clients = _NO_CLIENTS,
) -> Iterator[Problem]:
    """A warning for each condition that nothing uses, not even by another condition."""
    lists = lists_of({}, routes, admins, clients)
    used = _reached(chain.from_iterable(it for _, it in lists), defined)
    for name in defined:
        if name not in used:
            yield Problem(("conditions", name), "is not used by any route", rule="no-effect")
