"""The facts that an expression reads, each as a part of it.

What cannot be read for the other conditions cannot be read here either.
"""

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
_GROUPS = unreadable("groups cannot be read")
_ROLES = unreadable("roles cannot be read")
_SCOPES = unreadable("scopes cannot be read")
_AMR = unreadable("amr cannot be read")
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


class User(Node):
    """`user`."""

    def value(self, facts: Facts, item: object) -> object:
        """Always known."""
        return facts.identity.user


class Provider(Node):
    """`provider`."""

    def value(self, facts: Facts, item: object) -> object:
        """Empty if none was involved."""
        return facts.identity.provider


class Credential(Node):
    """`credential`."""

    def value(self, facts: Facts, item: object) -> object:
        """Always known."""
        return facts.identity.credential


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


class Groups(Names):
    """`groups`."""

    def value(self, facts: Facts, item: object) -> object:
        """All of them."""
        lost = facts.identity.unreadable
        return _GROUPS if lost and ("groups" in lost or "*" in lost) else facts.identity.groups

    def is_partial(self, facts: Facts) -> bool:
        """Whether the provider sent others."""
        return "groups[]" in facts.identity.unreadable


class Roles(Names):
    """`roles`."""

    def value(self, facts: Facts, item: object) -> object:
        """All of them."""
        lost = facts.identity.unreadable
        return _ROLES if lost and ("roles" in lost or "*" in lost) else facts.identity.roles

    def is_partial(self, facts: Facts) -> bool:
        """Whether the provider sent others."""
        return "roles[]" in facts.identity.unreadable


class Scopes(Names):
    """`scopes`."""

    def value(self, facts: Facts, item: object) -> object:
        """They come with the credential, so ``"*"`` does not make them unreadable."""
        return _SCOPES if "scopes" in facts.identity.unreadable else facts.identity.scopes


class Amr(Names):
    """`amr`."""

    def value(self, facts: Facts, item: object) -> object:
        """All of them."""
        lost = facts.identity.unreadable
        return _AMR if lost and ("amr" in lost or "*" in lost) else facts.identity.amr


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


class Method(Node):
    """`method`."""

    def value(self, facts: Facts, item: object) -> object:
        """As sent."""
        return facts.request.method


class Path(Node):
    """`path`."""

    def value(self, facts: Facts, item: object) -> object:
        """Unreadable if servers could read another one."""
        target = facts.request.target
        return target.path if len(target.readings) == 1 else _PATH


class Host(Node):
    """`host`."""

    def value(self, facts: Facts, item: object) -> object:
        """In lower case."""
        return facts.request.host


class Now(Node):
    """`now`."""

    def value(self, facts: Facts, item: object) -> object:
        """Seconds since the epoch."""
        return facts.now


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
