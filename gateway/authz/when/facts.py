"""The facts that an expression reads, each as a part of it.

What cannot be read for the other conditions cannot be read here either.
"""

from operator import attrgetter

from gateway.authz.claims import names_of
from gateway.authz.facts import Facts, Unmet, Unreadable
from gateway.authz.identity_conditions import mailbox_of
from gateway.authz.request_conditions import field_of
from gateway.authz.sign_in_conditions import MAX_SKEW_S
from gateway.authz.when.node import Fault, Faults, Names, Node, missing, unreadable
from gateway.authz.when.values import step
from gateway.message.forwarded import parse_address

WHEN_UNMET = "when-unmet"

_NOBODY = missing(WHEN_UNMET, "the gateway does not know who asks")
_ACR = unreadable("acr cannot be read")
_NO_ACR = missing(WHEN_UNMET, "the provider sent no acr")
_AUTH_TIME = unreadable("auth_time cannot be read")
_NO_AUTH_TIME = missing(WHEN_UNMET, "time of the sign-in is unknown")
_PATH = unreadable("two servers could read the path differently")
_IP = unreadable("the client has no address")


class Nobody(Names):
    """A fact of an identity that is not known."""

    def value(self, facts: Facts, item: object) -> object:
        """Missing."""
        return _NOBODY


class Known(Node):
    """A fact that every request has, such as `user` or `method`."""

    __slots__ = ("_read",)

    def __init__(self, path: str) -> None:
        """`path` leads to it from the facts, such as ``identity.user``."""
        self._read = attrgetter(path)

    def value(self, facts: Facts, item: object) -> object:
        """Always known; a text may be empty."""
        return self._read(facts)


class Email(Node):
    """`email`, or the domain alone."""

    __slots__ = ("_domain",)

    def __init__(self, domain: bool) -> None:
        self._domain = domain

    def value(self, facts: Facts, item: object) -> object:
        """In comparable form."""
        found = mailbox_of(facts.identity, WHEN_UNMET)
        if isinstance(found, Unmet | Unreadable):
            return Fault(found)
        return found[1] if self._domain else found[0] + "@" + found[1]


class Listed(Names):
    """A fact of the identity that is a list: `groups`, `roles`, `scopes` or `amr`."""

    __slots__ = ("_entries", "_fault", "_lost", "_read")

    def __init__(self, name: str, *, of_provider: bool = True) -> None:
        """Without `of_provider`, ``"*"`` in `Identity.unreadable` does not concern it."""
        self._read = attrgetter(name)
        self._lost = frozenset((name, "*") if of_provider else (name,))
        self._entries = f"{name}[]"
        self._fault = unreadable(f"{name} cannot be read")

    def value(self, facts: Facts, item: object) -> object:
        """All of them."""
        lost = facts.identity.unreadable
        if lost and not lost.isdisjoint(self._lost):
            return self._fault
        return self._read(facts.identity)

    def is_partial(self, facts: Facts) -> bool:
        """Whether the provider sent others."""
        return self._entries in facts.identity.unreadable


class Acr(Node):
    """`acr`."""

    def value(self, facts: Facts, item: object) -> object:
        """Missing if the provider sent none."""
        lost = facts.identity.unreadable
        if lost and ("acr" in lost or "*" in lost):
            return _ACR
        return _NO_ACR if facts.identity.acr is None else facts.identity.acr


class AuthAge(Node):
    """`auth_age`."""

    def value(self, facts: Facts, item: object) -> object:
        """Seconds; a clock that is slightly off makes no negative number."""
        if "auth_time" in facts.identity.unreadable:
            return _AUTH_TIME
        at = facts.identity.authenticated_at
        if at is None:
            return _NO_AUTH_TIME
        elapsed_s = facts.now - at
        return _AUTH_TIME if elapsed_s < -MAX_SKEW_S else max(elapsed_s, 0.0)


class Ip(Node):
    """`ip`."""

    def value(self, facts: Facts, item: object) -> object:
        """The address in its usual form; an IPv4-mapped one as IPv4."""
        address = parse_address(facts.request.client)
        return _IP if address is None else str(address)


class Path(Node):
    """`path`."""

    def value(self, facts: Facts, item: object) -> object:
        """Unreadable if servers could read another one."""
        target = facts.request.target
        return target.path if len(target.readings) == 1 else _PATH


class Header(Node):
    """``headers[name]``, or whether it is there."""

    __slots__ = ("_asks", "_name")

    def __init__(self, name: str, asks: bool) -> None:
        """`asks` gives true or false instead of the value."""
        self._name = name.encode()
        self._asks = asks

    def value(self, facts: Facts, item: object) -> object:
        """As the condition `header` reads it."""
        found = field_of(facts.request.fields, self._name)
        if isinstance(found, Unmet):
            return False if self._asks else Fault(found)
        if isinstance(found, Unreadable):
            return Fault(found)
        return True if self._asks else found


class Claim(Node):
    """``claims.first.second``, or whether it is there.

    Attributes:
        _names: Any of these in `Identity.unreadable` makes the claim unreadable.
    """

    __slots__ = ("_absent", "_asks", "_faults", "_first", "_lost", "_names", "_rest")

    def __init__(self, keys: tuple[str | int, ...], asks: bool) -> None:
        """`asks` gives true or false instead of the value, as `has`."""
        first, *rest = keys
        shown = ".".join(map(str, keys))
        self._first = str(first)
        self._rest = tuple(rest)
        self._asks = asks
        self._names = names_of(
            "/" + "/".join(str(key).replace("~", "~0").replace("/", "~1") for key in keys)
        )
        self._lost = unreadable(f"claim {shown!r} cannot be read")
        self._absent = missing("claim-missing", f"no claim {shown!r}")
        self._faults = Faults(f"claims.{shown}")

    def value(self, facts: Facts, item: object) -> object:
        """What the provider sent."""
        lost = facts.identity.unreadable
        if lost and not lost.isdisjoint(self._names):
            return self._lost
        claims = facts.identity.claims
        if self._asks and not self._rest:
            return self._first in claims
        found: object = claims.get(self._first, self._absent)
        for key in self._rest[:-1] if self._asks else self._rest:
            if isinstance(found, Fault):
                return found
            found = step(found, key, self._faults, self._absent)
        if not self._asks:
            return found
        return self._rest[-1] in found if isinstance(found, dict) else self._faults.of(found)
