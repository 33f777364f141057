"""Rules that cannot do what they seem to: items that never match, or that others make pointless.

Sound, not complete: what is reported is so, whatever the requests.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gateway.kinds import KINDS
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.message.methods import with_head
from gateway.settings.access import AccessRules, ConditionSettings, PlacedItem, placed
from gateway.settings.coverage import Taken
from gateway.settings.document import Document, Path, Problem
from gateway.settings.draft import Draft
from gateway.settings.routes import RouteSettings
from gateway.settings.schema import Settings

# Facts of one sign-in, which a credential without one never has.
_OF_A_SIGN_IN = ("acr", "amr", "max_age")
_OPEN = ("public", "optional")
_MOST_COMPARED = 300


def contradictions(settings: Settings, document: Document) -> Iterator[Problem]:
    """All rules of `settings` that cannot do what they seem to; `document` has their places."""
    opened, places = Taken(), {}
    given = Draft.of(settings).kinds
    for index, route in enumerate(settings.routes):
        path: Path = ("routes", index)
        if route.access in _OPEN and not route.enforce:
            pass  # It opens nothing.
        elif route.access in _OPEN:
            opened.add(route)
            places[route.name] = f"{document.named(path, route.name)} is {route.access}"
        else:
            for text, by in opened.takes_of(route).items():
                message = f"{places[by.name]} and takes {text} before this route"
                rule = "public-above-stricter"
                yield Problem(path, f"{message}: put this route above", rule=rule)
        if not isinstance(route.access, str):
            yield from _never_met(given, route, route.access, (*path, "access"))
            # Only conditions on the request apply to a foreign credential.
            if not route.passes_foreign:
                yield from _pointless(route.access, (*path, "access"))


def _never_met(
    given: frozenset[str], route: RouteSettings, access: AccessRules, path: Path
) -> Iterator[Problem]:
    accepted = given.intersection(route.credentials or given)
    for word, entries in (("allow", access.allow), ("deny", access.deny)):
        for placed_item in placed(entries, (*path, word)):
            item, at = placed_item.settings, placed_item.path
            reasons = [_email(item)]
            # A named item may match on other routes.
            if not placed_item.is_named:
                reasons.append(_method(item, route))
                reasons.append(_message(item, route))
                if not route.passes_foreign:
                    reasons.append(_credential(item, accepted))
            for reason in filter(None, reasons):
                message = f"can never match: {reason}"
                yield Problem(at, message, rule="impossible-condition")
            yield from _ip(item, (*at, "ip"))


def _credential(item: ConditionSettings, accepted: frozenset[str]) -> str:
    asked = accepted if item.credential is None else accepted & set(item.credential)
    if item.credential is not None and not asked:
        return f"credential is {_any(item.credential)}, and the route accepts {_any(accepted)}"
    given = [name for name in _OF_A_SIGN_IN if getattr(item, name) is not None]
    if given and asked and not any(KINDS[word].can_step_up for word in asked):
        return f"{given[0]} is about a sign-in, and {_any(asked)} comes without one"
    return ""


def _method(item: ConditionSettings, route: RouteSettings) -> str:
    if item.method is None or not route.methods:
        return ""
    if not with_head(item.method).isdisjoint(with_head(route.methods)):
        return ""
    return f"method is {_any(item.method)}, and the route is for {_any(route.methods)}"


def _message(item: ConditionSettings, route: RouteSettings) -> str:
    for methods in (item.method, route.methods):
        if item.of_message and methods and "POST" not in methods:
            return f"{item.of_message[0]} is about a POST, and the method is {_any(methods)}"
    return ""


def _email(item: ConditionSettings) -> str:
    if item.email is None or item.email_domain is None:
        return ""
    if not _domains_of(item.email).isdisjoint(_domains(item.email_domain)):
        return ""
    return f"no address in email is at {_any(item.email_domain)}"


def _ip(item: ConditionSettings, path: Path) -> Iterator[Problem]:
    for number, network in enumerate(item.ip or ()):
        mapped = getattr(network.network_address, "ipv4_mapped", None)
        if mapped is not None:
            meant = f"{mapped}/{network.prefixlen - 96}"
            message = f"can never match: {network} is IPv4, so write {meant}"
            yield Problem((*path, number), message, rule="impossible-condition")


def _pointless(access: AccessRules, path: Path) -> Iterator[Problem]:
    allow = list(placed(access.allow, (*path, "allow")))
    deny = list(placed(access.deny, (*path, "deny")))
    # Each is compared with each.
    if len(allow) + len(deny) > _MOST_COMPARED:
        return
    for item in _of_the_route(allow):
        by = next((it for it in deny if covers(it.settings, item.settings)), None)
        if by is not None:
            message = f"lets no one in: deny{by.where} refuses every request that it matches"
            yield Problem(item.path, message, rule="overruled-allow")
    for word, items in (("allow", allow), ("deny", deny)):
        for item in _of_the_route(items):
            by = _covering(items, item)
            if by is not None:
                message = f"changes nothing: {word}{by.where} matches every request that it matches"
                rule = "redundant-condition"
                yield Problem(item.path, f"{message}: remove one of them", rule=rule)


def _of_the_route(items: Sequence[PlacedItem]) -> Iterator[PlacedItem]:
    """Those that are not named: what is pointless here may have a point in another route."""
    return (item for item in items if not item.is_named)


def _covering(items: Sequence[PlacedItem], item: PlacedItem) -> PlacedItem | None:
    """The one that makes `item` pointless; of two that say the same, the first or the named one."""
    is_later = False
    for other in items:
        if other is item:
            is_later = True
        elif covers(other.settings, item.settings) and (
            not is_later or other.is_named or not covers(item.settings, other.settings)
        ):
            return other
    return None


def covers(wide: ConditionSettings, narrow: ConditionSettings) -> bool:
    """Whether every request that meets `narrow` meets `wide`."""
    asked = {name: getattr(wide, name) for name in type(wide).model_fields}
    return all(
        _follows(name, wanted, narrow) for name, wanted in asked.items() if wanted is not None
    )


def _follows(name: str, wanted: Any, narrow: ConditionSettings) -> bool:
    """Whether the fact `name` is one of `wanted` for whoever meets `narrow`."""
    given = getattr(narrow, name)
    if name == "email_domain":
        known = _domains_of(narrow.email or ()) or _domains(narrow.email_domain or ())
        return bool(known) and known <= _domains(wanted)
    if given is None:
        return False
    if name == "max_age":
        return bool(given <= wanted)
    if name == "method":
        return with_head(given) <= with_head(wanted)
    if name == "ip":
        return all(any(_is_within(inner, outer) for outer in wanted) for inner in given)
    if isinstance(wanted, Mapping):
        return all(key in given and set(given[key]) <= set(wanted[key]) for key in wanted)
    if isinstance(wanted, tuple):
        return all(it in wanted for it in given)
    return bool(given == wanted)


def _is_within(inner: Any, outer: Any) -> bool:
    return inner.version == outer.version and bool(inner.subnet_of(outer))


def _domains_of(addresses: tuple[str, ...]) -> frozenset[str]:
    mailboxes = (read_mailbox(address) for address in addresses)
    return frozenset(it[1] for it in mailboxes if it is not None)


def _domains(values: tuple[str, ...]) -> frozenset[str]:
    return frozenset(a_labels(it.removeprefix("@")) or it for it in values)


def _any(values: tuple[str, ...] | frozenset[str]) -> str:
    shown = sorted(values) if isinstance(values, frozenset) else values
    return " or ".join(shown) or "none"
