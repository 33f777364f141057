"""Conditions on the request: the client address, the method, a field."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Self

from gateway.authz.facts import MET, Facts, Result, Unmet, Unreadable
from gateway.message.fields import fold
from gateway.message.forwarded import parse_address


@dataclass(frozen=True, slots=True)
class IpIn:
    """The client address, after trusted-proxy resolution, is in one of the networks.

    Attributes:
        networks: (version, network, mask) as numbers, for each network.
    """

    networks: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, value: tuple[IPv4Network | IPv6Network, ...]) -> tuple[Self, ...]:
        """One condition for all networks."""
        return (cls(tuple((n.version, int(n.network_address), int(n.netmask)) for n in value)),)

    def check(self, facts: Facts) -> Result:
        """An IPv4 network covers IPv4-mapped IPv6 addresses too."""
        address = parse_address(facts.request.client)
        if address is None:
            return Unreadable(f"not an address: {facts.request.client!r}")
        version, number = address.version, int(address)
        for of_version, network, mask in self.networks:
            if version == of_version and number & mask == network:
                return MET
        return Unmet("ip-not-allowed", f"client is {address}")


@dataclass(frozen=True, slots=True)
class MethodIs:
    """The method is one of `values`; methods are case-sensitive (RFC 9110, section 9.1)."""

    values: frozenset[str]

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all values; GET includes HEAD, as in routes."""
        return (cls(frozenset((*value, "HEAD") if "GET" in value else value)),)

    def check(self, facts: Facts) -> Result:
        """The method as sent; fields that override the method are never read."""
        if facts.request.method in self.values:
            return MET
        return Unmet("method-not-allowed", f"method is {facts.request.method!r}")


@dataclass(frozen=True, slots=True)
class HeaderIs:
    """The field `name` (lower case), as sent by the client, is one of `values`."""

    name: bytes
    values: frozenset[str]

    @classmethod
    def of(cls, value: Mapping[str, tuple[str, ...]]) -> tuple[Self, ...]:
        """One condition for each field."""
        return tuple(
            cls(name.lower().encode("ascii"), frozenset(values)) for name, values in value.items()
        )

    def check(self, facts: Facts) -> Result:
        """A repeated field is unreadable, and so is one in another spelling (``X_Name``).

        Servers would read different lines of it, and some treat the spellings as different fields.
        """
        found = facts.request.fields.folded(fold(self.name))
        if not found:
            return Unmet("header-missing", f"no field {self.name!r}")
        if len(found) > 1:
            return Unreadable(f"field {self.name!r} is repeated")
        name, value = found[0]
        if name.lower() != self.name:
            return Unreadable(f"field {self.name!r} has a different spelling")
        try:
            text = value.decode("utf-8")
        except UnicodeDecodeError:
            return Unreadable(f"field {self.name!r} is not UTF-8")
        if text in self.values:
            return MET
        return Unmet("header-mismatch", f"field {self.name!r} has another value")
