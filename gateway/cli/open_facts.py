"""Rules where some facts are not known: at the best, and at the worst for who asks.

A request that is decided alike by both is decided alike whatever the facts are, because to meet
one more condition of an `allow` never refuses, and one more of a `deny` never lets in.
"""

from collections.abc import Collection, Iterable

from gateway.settings.access import items_of
from gateway.settings.schema import (
    AccessRules,
    ConditionSettings,
    RouteSettings,
    Settings,
)

# No request has this method.  Not a condition on the user: a foreign credential meets all of those.
_NOBODY = ConditionSettings.model_construct(method=("\0",))


def at_best(settings: Settings, known: Collection[str]) -> Settings:
    """`settings` as if every fact that is not `known` were what lets the request in.

    `known` are names of conditions.
    """
    return _with_access(settings, known, best=True)


def at_worst(settings: Settings, known: Collection[str]) -> Settings:
    """As `at_best`, with every other fact as it refuses the request."""
    return _with_access(settings, known, best=False)


def unknown_in(route: RouteSettings | None, known: Collection[str]) -> tuple[str, ...]:
    """The conditions of `route` on facts that are not `known`."""
    if route is None or isinstance(route.access, str):
        return ()
    items = items_of((*route.access.allow, *route.access.deny))
    return tuple(sorted({name for item in items for name in _names(item)} - set(known)))


def _with_access(settings: Settings, known: Collection[str], *, best: bool) -> Settings:
    routes = tuple(_open(route, known, best=best) for route in settings.routes)
    return settings.model_copy(update={"routes": routes})


def _open(route: RouteSettings, known: Collection[str], *, best: bool) -> RouteSettings:
    if isinstance(route.access, str) or not unknown_in(route, known):
        return route
    access = (_best if best else _worst)(route.access, known)
    return route.model_copy(update={"access": access})


def _best(rules: AccessRules, known: Collection[str]) -> AccessRules | str:
    allow, deny = _less(items_of(rules.allow), known), _sure(items_of(rules.deny), known)
    if None in allow:
        allow = ()
    return _rules(_items(allow), deny)


def _worst(rules: AccessRules, known: Collection[str]) -> AccessRules | str:
    allow, deny = _sure(items_of(rules.allow), known), _less(items_of(rules.deny), known)
    if None in deny or (rules.allow and not allow):
        return _rules((_NOBODY,), ())
    return _rules(allow, _items(deny))


def _rules(
    allow: tuple[ConditionSettings, ...], deny: tuple[ConditionSettings, ...]
) -> AccessRules | str:
    if not allow and not deny:
        return "signed_in"
    return AccessRules.model_construct(allow=allow, deny=deny)


def _sure(
    items: Iterable[ConditionSettings], known: Collection[str]
) -> tuple[ConditionSettings, ...]:
    """Those of `items` whose conditions are all on known facts."""
    return tuple(item for item in items if _names(item) <= set(known))


def _less(
    items: Iterable[ConditionSettings], known: Collection[str]
) -> tuple[ConditionSettings | None, ...]:
    """`items` without their conditions on other facts; None for one that has no other."""
    found: list[ConditionSettings | None] = []
    for item in items:
        names = _names(item)
        left = {name: getattr(item, name) for name in names & set(known)}
        found.append(ConditionSettings.model_construct(**left) if left else None)
    return tuple(found)


def _items(items: Iterable[ConditionSettings | None]) -> tuple[ConditionSettings, ...]:
    return tuple(item for item in items if item is not None)


def _names(item: ConditionSettings) -> set[str]:
    return {name for name in type(item).model_fields if getattr(item, name) is not None}
