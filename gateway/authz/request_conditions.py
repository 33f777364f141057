"""Conditions on the request: where it comes from, when, the method, a field."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from ipaddress import IPv4Network, IPv6Network
from typing import TYPE_CHECKING, Self

from gateway.authz.facts import MET, Facts, Result, Unmet, Unreadable
from gateway.message.fields import Fields, fold
from gateway.message.forwarded import parse_address
from gateway.message.methods import with_head

if TYPE_CHECKING:
    from gateway.settings.hours import HoursSettings

# Gives the country of an address as ISO 3166-1 has it, or None if it is not known.
CountryOf = Callable[[str], str | None]


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
        return (cls(with_head(value)),)

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
        """What `field_of` cannot read is unreadable."""
        found = field_of(facts.request.fields, self.name)
        if not isinstance(found, str):
            return found
        if found in self.values:
            return MET
        return Unmet("header-mismatch", f"field {self.name!r} has another value")


def field_of(fields: Fields, name: bytes) -> str | Unmet | Unreadable:
    """The value of the field `name` (lower case), or the result of a condition without it.

    A repeated field is unreadable, and so is one in another spelling (``X_Name``).  Servers would
    read different lines of it, and some treat the spellings as different fields.
    """
    found = fields.folded(fold(name))
    if not found:
        return Unmet("header-missing", f"no field {name!r}")
    if len(found) > 1:
        return Unreadable(f"field {name!r} is repeated")
    sent, value = found[0]
    if sent.lower() != name:
        return Unreadable(f"field {name!r} has a different spelling")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return Unreadable(f"field {name!r} is not UTF-8")


@dataclass(frozen=True, slots=True)
class Hours:
    """A time of day on some days, as clocks in `zone` show it.

    Attributes:
        days: On which it begins; Monday is 0.
        start: Minutes since midnight, included.
        end: Minutes since midnight, not included; before `start`, it is of the next day.
    """

    days: frozenset[int]
    start: int
    end: int
    zone: tzinfo

    def covers(self, now: float) -> bool:
        """Whether `now`, in seconds since the epoch, is in it."""
        local = datetime.fromtimestamp(now, self.zone)
        day, minutes = local.weekday(), local.hour * 60 + local.minute
        if self.start < self.end:
            return day in self.days and self.start <= minutes < self.end
        # After midnight, it is still the night of the day before.
        if minutes < self.end:
            return (day - 1) % 7 in self.days
        return day in self.days and minutes >= self.start


@dataclass(frozen=True, slots=True)
class TimeWithin:
    """The request comes in one of some hours."""

    hours: tuple[Hours, ...]

    @classmethod
    def of(cls, value: "tuple[HoursSettings, ...]") -> tuple[Self, ...]:
        """One condition for all hours."""
        from zoneinfo import ZoneInfo  # Only who has hours pays for it.

        found = (Hours(frozenset(it.numbers), it.start, it.end, ZoneInfo(it.zone)) for it in value)
        return (cls(tuple(found)),)

    def check(self, facts: Facts) -> Result:
        """By the gateway's own clock."""
        for hours in self.hours:
            if hours.covers(facts.now):
                return MET
        local = datetime.fromtimestamp(facts.now, self.hours[0].zone)
        return Unmet("outside-hours", f"it is {local:%a %H:%M} in {local.tzinfo}")


@dataclass(frozen=True, slots=True)
class CountryIs:
    """The client's address is in one of the countries `values`."""

    values: frozenset[str]
    country_of: CountryOf | None = None

    @classmethod
    def of(cls, value: tuple[str, ...]) -> tuple[Self, ...]:
        """One condition for all countries, which still needs `by`."""
        return (cls(frozenset(value)),)

    def by(self, country_of: CountryOf | None) -> "CountryIs":
        """The condition that looks addresses up by `country_of`."""
        return CountryIs(self.values, country_of)

    def check(self, facts: Facts) -> Result:
        """Unreadable for an address of which the country is not known, such as a private one."""
        address = parse_address(facts.request.client)
        if address is None:
            return Unreadable(f"not an address: {facts.request.client!r}")
        country = None if self.country_of is None else self.country_of(str(address))
        if country is None:
            return Unreadable(f"the country of {address} is not known")
        if country in self.values:
            return MET
        return Unmet("country-not-allowed", f"client is in {country}")
