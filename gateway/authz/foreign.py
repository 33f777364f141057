"""Rules for a request with a foreign credential, whose identity only the app can tell.

It is refused if it would be refused for every identity: conditions of `allow` on the request
itself must hold, and a `deny` without conditions on the identity applies.  The app decides the
rest.
"""

from gateway.authz.access import RULES, Access, Item, weigh
from gateway.authz.condition import Check
from gateway.authz.conditions import CONDITIONS
from gateway.authz.explain import Finding, Trial, findings_of, try_items
from gateway.authz.facts import Facts
from gateway.authz.when.condition import When
from gateway.authz.witness import real_of
from gateway.model import ANONYMOUS, Allow, Deny
from gateway.settings.access import WHOEVER_ASKS

FOREIGN_CREDENTIAL = "foreign-credential"
_ALLOWED = Allow(FOREIGN_CREDENTIAL)
_WHOEVER_ASKS = tuple(CONDITIONS[name] for name in sorted(WHOEVER_ASKS))


def decide_foreign(access: Access, facts: Facts) -> Allow | Deny:
    """Whether a request with a foreign credential may pass, without identity.  Never raises.

    Only for an `access` that looks at credentials; any other is a deny.
    """
    if access.word in ("signed_in", "optional"):
        return _ALLOWED
    if access.word != RULES:
        return Deny("denied")
    # No identity is sent to the app, so none may affect the decision.
    facts = Facts(facts.request, ANONYMOUS, facts.now)
    left = {id(item): _less_who(item) for item in access.allow}
    decision = weigh(access, facts, lambda item: left.get(id(item), item).judge(facts))
    if isinstance(decision, Allow):
        return _ALLOWED
    return decision if isinstance(decision, Deny) else Deny(decision.reason)


def try_foreign(access: Access, facts: Facts) -> tuple[Trial, ...]:
    """The results of each item for a request with a foreign credential, as in `decide_foreign`."""
    return try_items(access, Facts(facts.request, ANONYMOUS, facts.now), _findings_less_who)


def _less_who(item: Item) -> Item:
    """`item` without conditions on the identity.  If none are left, it is empty and so holds."""
    pairs = zip(item.conditions, item.labels, strict=True)
    kept = [(condition, label) for condition, label in pairs if not _asks_who(condition)]
    left = tuple(it for it, _ in kept)
    return Item(left, tuple(it for _, it in kept), item.where, item.origin)


def _findings_less_who(item: Item, facts: Facts) -> tuple[Finding, ...]:
    pairs = zip(item.conditions, item.labels, strict=True)
    left = tuple(Finding(label, None) for condition, label in pairs if _asks_who(condition))
    return (*findings_of(_less_who(item), facts), *left)


def _asks_who(condition: Check) -> bool:
    real = real_of(condition)
    if isinstance(real, When):
        return real.asks_who
    return not isinstance(real, _WHOEVER_ASKS)
