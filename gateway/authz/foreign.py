"""What the rules say of a request whose credential the app will judge: who asks is not known.

Refused is what would be refused whoever asked: the conditions of `allow` that are about the
request itself must hold, and a `deny` that asks about nobody denies.  The rest is the app's.
"""

from gateway.authz import request_conditions
from gateway.authz.access import RULES, Access, Item, weigh
from gateway.authz.condition import Condition
from gateway.authz.conditions import CONDITIONS
from gateway.authz.explain import Finding, Trial, findings_of, try_items
from gateway.authz.facts import Facts
from gateway.model import ANONYMOUS, Allow, Deny

FOREIGN_CREDENTIAL = "foreign-credential"
_ALLOWED = Allow(FOREIGN_CREDENTIAL)
_ABOUT_THE_REQUEST = tuple(
    kind for kind in CONDITIONS.values() if kind.__module__ == request_conditions.__name__
)


def decide_foreign(access: Access, facts: Facts) -> Allow | Deny:
    """Whether a request with a foreign credential may go on, without identity.  Never raises.

    Only where `access` looks at credentials; anywhere else it is a deny.
    """
    if access.word in ("signed_in", "optional"):
        return _ALLOWED
    if access.word != RULES:
        return Deny("denied")
    # Nobody's identity is told, so nobody's may count.
    facts = Facts(facts.request, ANONYMOUS, facts.now)
    left = {id(item): _less_who(item) for item in access.allow}
    decision = weigh(access, facts, lambda item: left.get(id(item), item).judge(facts))
    if isinstance(decision, Allow):
        return _ALLOWED
    return decision if isinstance(decision, Deny) else Deny(decision.reason)


def try_foreign(access: Access, facts: Facts) -> tuple[Trial, ...]:
    """What each item finds of a request with a foreign credential, as `decide_foreign` asks it."""
    return try_items(access, Facts(facts.request, ANONYMOUS, facts.now), _findings_less_who)


def _less_who(item: Item) -> Item:
    """`item` without the conditions about who asks; empty, so that it holds, where that is all."""
    pairs = zip(item.conditions, item.labels, strict=True)
    kept = [(condition, label) for condition, label in pairs if not _asks_who(condition)]
    return Item(tuple(it for it, _ in kept), tuple(it for _, it in kept))


def _findings_less_who(item: Item, facts: Facts) -> tuple[Finding, ...]:
    pairs = zip(item.conditions, item.labels, strict=True)
    left = tuple(Finding(label, None) for condition, label in pairs if _asks_who(condition))
    return (*findings_of(_less_who(item), facts), *left)


def _asks_who(condition: Condition) -> bool:
    return not isinstance(condition, _ABOUT_THE_REQUEST)
