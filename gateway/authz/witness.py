"""Keeps what each condition of an `access` found, for those who explain a decision afterwards.

A condition is then evaluated once for a request, so what is explained is what was decided by.
"""

from dataclasses import replace

from gateway.authz.access import Access, Item
from gateway.authz.condition import Check
from gateway.authz.facts import Facts, Result
from gateway.message.request import Request
from gateway.model import Identity


class Witness:
    """Answers as `real`, and gives the same answer again while the facts are the same."""

    def __init__(self, real: Check) -> None:
        self.real = real
        self._of: tuple[Request, Identity, float] | None = None
        self._found: Result | Exception | None = None

    def check(self, facts: Facts) -> Result:
        """See Check."""
        if self._found is None or not self._is_about(facts):
            self._of = facts.request, facts.identity, facts.now
            try:
                self._found = self.real.check(facts)
            except Exception as error:  # noqa: BLE001 - raised below, each time it is asked
                self._found = error
        if isinstance(self._found, Exception):
            raise self._found
        return self._found

    def _is_about(self, facts: Facts) -> bool:
        if self._of is None:
            return False
        request, identity, now = self._of
        return request is facts.request and identity is facts.identity and now == facts.now


def witnessed(access: Access) -> Access:
    """`access` with a witness for each condition."""
    return replace(
        access,
        allow=tuple(map(_witnessed_item, access.allow)),
        deny=tuple(map(_witnessed_item, access.deny)),
    )


def real_of(condition: Check) -> Check:
    """The condition itself, if `condition` is a witness of it."""
    return condition.real if isinstance(condition, Witness) else condition


def _witnessed_item(item: Item) -> Item:
    return replace(item, conditions=tuple(map(Witness, item.conditions)))
