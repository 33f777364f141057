"""What the query of a question demands of the person, besides the route's rules.

A parameter that is not known is refused, because it may be meant to let fewer people in.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

from pydantic import ValidationError

from gateway.authz.access import Access, compile_access
from gateway.errors import GatewayError
from gateway.settings.access import AccessRules, ConditionSettings

_FACTS = {
    "allowed_groups": "group",
    "allowed_emails": "email",
    "allowed_email_domains": "email_domain",
    "allowed_users": "user",
}
_SWITCHES = {"require_all_matches": True, "constraints_required": False}
_MOST_PARAMETERS = 50
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class UnknownConstraintError(GatewayError):
    """The question has a parameter that would be ignored, or that cannot be read."""

    reason = "invalid-request"
    status = 400


@dataclass(frozen=True, slots=True)
class Constraints:
    """Demands on the person.

    Attributes:
        access: The rules they amount to; None if there are none.
        refuses: Whether nobody meets them, because they name nobody.
    """

    access: Access | None = None
    refuses: bool = False

    @property
    def demands_nothing(self) -> bool:
        """Whether everybody meets them."""
        return self.access is None and not self.refuses


def read_constraints(query: str) -> Constraints:
    """The demands in `query`; a list without an item is met by nobody.

    Raises:
        UnknownConstraintError: A parameter is unknown or malformed.
    """
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=_MOST_PARAMETERS,
        )
    except ValueError as error:
        raise UnknownConstraintError(f"the query cannot be read: {error}") from error
    facts: dict[str, list[str]] = {}
    switches = dict(_SWITCHES)
    for name, value in pairs:
        if name in _FACTS:
            items = (it.strip() for it in value.split(","))
            facts.setdefault(_FACTS[name], []).extend(it for it in items if it)
        elif name in switches and value.lower() in _BOOLEANS:
            switches[name] = _BOOLEANS[value.lower()]
        else:
            raise UnknownConstraintError(f"unknown parameter {name!r}, or a bad value of it")
    return _constraints(facts, switches)


def _constraints(facts: dict[str, list[str]], switches: dict[str, bool]) -> Constraints:
    if not facts:
        return Constraints(refuses=switches["constraints_required"])
    if switches["require_all_matches"]:
        if not all(facts.values()):
            return Constraints(refuses=True)
        items = [facts]
    else:
        items = [{name: values} for name, values in facts.items() if values]
    if not items:
        return Constraints(refuses=True)
    try:
        allow = tuple(ConditionSettings.model_validate(item) for item in items)
    except ValidationError as error:
        raise UnknownConstraintError("a list names what no rule could name") from error
    return Constraints(compile_access(AccessRules(allow=allow)))
