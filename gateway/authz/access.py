"""`decide`: whether a request may pass a route.  Denies unless a rule allows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gateway.authz.condition import Check
from gateway.authz.conditions import CONDITIONS
from gateway.authz.facts import MET, Broken, Facts, Met, Result, Unmet, Unreadable
from gateway.authz.message_conditions import McpMethodIs, McpToolIs, Unread
from gateway.authz.request_conditions import CountryIs, CountryOf
from gateway.kinds import CAN_STEP_UP
from gateway.model import Allow, Decision, Deny, SignIn, StepUp
from gateway.settings.access import Named, placed
from gateway.settings.document import Path

if TYPE_CHECKING:
    from gateway.settings.access import AccessRules, ConditionSettings, Entry

# The reason if an item of `deny` matches.
DENIED_BY_RULE = "denied-by-rule"
_ALLOWED: Final = Allow()
_SIGN_IN: Final = SignIn()
_WORDS: Final[dict[str, Decision]] = {
    "public": _ALLOWED,
    "optional": _ALLOWED,
    "sign_in": SignIn("sign-in-requested"),
    "denied": Deny("denied"),
    "gone": Deny("gone", status=410),
}
RULES = "rules"
_Failure = Unmet | Unreadable | Broken


@dataclass(frozen=True, slots=True)
class Item:
    """One item of `allow` or `deny`: all of its conditions must hold.

    Attributes:
        labels: The text of each condition as in the file, for messages.
        where: Its place in `allow` or `deny`, such as ``[0]``, or ``[0] staff[1]`` if it is an item
            of a named condition; ``""`` if the gateway added it.
        origin: Path of the item in the settings if it is one of a named condition, else empty.
    """

    conditions: tuple[Check, ...]
    labels: tuple[str, ...]
    where: str
    origin: Path = ()

    def judge(self, facts: Facts) -> list[Result]:
        """The result of each condition, or a single `Broken` if one of them raises."""
        try:
            return [condition.check(facts) for condition in self.conditions]
        except Exception as error:  # noqa: BLE001 - any failure in a decision is a deny
            return [Broken(f"{type(error).__name__} in {', '.join(self.labels)}")]


_UNREAD = Item((Unread(),), ("the message has not been read",), "")


@dataclass(frozen=True, slots=True)
class Access:
    """A compiled `access`.

    Attributes:
        word: A word from the file, or `RULES`.
        allow: One match is enough; empty if every signed-in user may pass.
        deny: One match refuses, whatever `allow` says.
    """

    word: str
    allow: tuple[Item, ...] = ()
    deny: tuple[Item, ...] = ()

    @property
    def looks_at_credentials(self) -> bool:
        """Whether credentials are read at all.  If so, a bad one is refused."""
        return self.word not in ("public", "denied", "gone")


def compile_access(access: "str | AccessRules", country_of: CountryOf | None = None) -> Access:
    """Compile the configured word or rules; conditions on the country ask `country_of`.

    Raises:
        ValueError: The word is unknown, or the rules are empty.
    """
    if isinstance(access, str):
        if access != "signed_in" and access not in _WORDS:
            raise ValueError(f"unknown access {access!r}")
        return Access(access)
    if not access.allow and not access.deny:
        raise ValueError("access has neither allow nor deny")
    allow = compile_items(access.allow, country_of)
    deny = compile_items(access.deny, country_of)
    if any(map(_reads_message, (*allow, *deny))):
        deny = (_UNREAD, *deny)
    return Access(RULES, allow, deny)


def _reads_message(item: Item) -> bool:
    return any(isinstance(it, McpMethodIs | McpToolIs) for it in item.conditions)


def whatever_the_message(access: Access) -> Access:
    """`access` for somebody who may enter with some message, whatever that is."""
    deny = tuple(it for it in access.deny if it is not _UNREAD and not _reads_message(it))
    return replace(access, allow=tuple(map(_whatever_the_message, access.allow)), deny=deny)


def _whatever_the_message(item: Item) -> Item:
    pairs = zip(item.conditions, item.labels, strict=True)
    kept = [(it, label) for it, label in pairs if not isinstance(it, McpMethodIs | McpToolIs)]
    return replace(item, conditions=tuple(it for it, _ in kept), labels=tuple(it for _, it in kept))


def compile_items(
    entries: Iterable["Entry"], country_of: CountryOf | None = None
) -> tuple[Item, ...]:
    """Compile the items of `allow` or `deny`; those of a named condition take its name's place.

    Raises:
        ValueError: A name is unknown, an item has no condition, or its condition does not accept a
            value.
    """
    given = tuple(entries)
    for entry in given:
        if isinstance(entry, Named) and not entry.items:
            # An empty `deny` would refuse nobody.
            raise ValueError(f"unknown condition {entry.name!r}")
    return tuple(
        _compile_item(it.settings, country_of, it.where, it.path if it.is_named else ())
        for it in placed(given, ())
    )


def decide(access: Access, facts: Facts) -> Decision:
    """Whether the request may pass.  Never raises: a condition that fails denies."""
    known = _WORDS.get(access.word)
    if known is not None:
        return known
    if facts.identity.is_anonymous:
        return _SIGN_IN
    if access.word == "signed_in" or _allows_at_once(access, facts):
        return _ALLOWED
    return weigh(access, facts, lambda item: item.judge(facts))


def _allows_at_once(access: Access, facts: Facts) -> bool:
    """The fast path: whether `weigh` would allow.  If unsure, False, and `weigh` finds out why."""
    try:
        for item in access.deny:
            refuses = True
            for condition in item.conditions:
                if isinstance(condition.check(facts), Unmet):
                    refuses = False
            if refuses:
                return False
        for item in access.allow:
            allows = True
            for condition in item.conditions:
                if condition.check(facts) is not MET:
                    allows = False
            if allows:
                return True
    except Exception:  # noqa: BLE001 - `weigh` turns it into a deny and says where it failed
        return False
    return not access.allow


def weigh(access: Access, facts: Facts, judge: Callable[[Item], Sequence[Result]]) -> Decision:
    """Apply the rules to a signed-in identity; `judge` returns the results of an item."""
    for item in access.deny:
        results = judge(item)
        # If unsure, deny: only an Unmet condition spares the request.
        if all(not isinstance(result, Unmet) for result in results):
            return _denied_by(results, f"deny{item.where}: " + "; ".join(item.labels))
    if not access.allow:
        return _ALLOWED
    failed: list[list[_Failure]] = []
    for item in access.allow:
        failures = [result for result in judge(item) if not isinstance(result, Met)]
        if not failures:
            return _ALLOWED
        if isinstance(failures[0], Broken):
            return Deny(failures[0].reason, failures[0].detail)
        failed.append(failures)
    if facts.identity.credential in CAN_STEP_UP:
        for failures in failed:
            if (step_up := _step_up(failures)) is not None:
                return step_up
    # Report the first item, because its author probably considers it the main one.
    first = failed[0][0]
    return Deny(first.reason, first.detail)


def _denied_by(results: Sequence[Result], where: str) -> Deny:
    for found in results:
        if isinstance(found, Broken | Unreadable):
            return Deny(found.reason, f"{where}: {found.detail}")
    return Deny(DENIED_BY_RULE, where)


def _step_up(failures: Sequence[_Failure]) -> StepUp | None:
    """The step-up that would meet all of `failures`, or None if no new proof would."""
    wanted = [failure.step_up for failure in failures if isinstance(failure, Unmet)]
    known = [step_up for step_up in wanted if step_up is not None]
    if len(known) != len(failures):
        return None
    acr = tuple(value for step_up in known for value in step_up.acr)
    amr = tuple(value for step_up in known for value in step_up.amr)
    ages = [step_up.max_age_s for step_up in known if step_up.max_age_s is not None]
    return StepUp(known[0].reason, acr, min(ages, default=None), amr)


def _compile_item(
    settings: "ConditionSettings", country_of: CountryOf | None, where: str, origin: Path
) -> Item:
    conditions: list[Check] = []
    labels: list[str] = []
    for name, kind in CONDITIONS.items():
        value = getattr(settings, name)
        if value is None:
            continue
        found = kind.of(value)
        conditions += [it.by(country_of) if isinstance(it, CountryIs) else it for it in found]
        labels += _labels(name, value, len(found))
    if not conditions:
        raise ValueError("an item needs a condition")
    return Item(tuple(conditions), tuple(labels), where, origin)


def _labels(name: str, value: object, count: int) -> list[str]:
    if name == "header" and isinstance(value, Mapping):
        # People compare a field with a shared secret, and labels go to the log and to the desk.
        return [f"{name} {key}" for key in value]
    if isinstance(value, Mapping):
        return [f"{name} {key}: {_listed(values)}" for key, values in value.items()]
    return [f"{name}: {_listed(value)}"] * count


def _listed(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return f"{value:g} s" if isinstance(value, float) else str(value)
