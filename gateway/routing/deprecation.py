"""Announces a route's deprecation to clients (RFC 9745, RFC 8594).  Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.settings.schema import DeprecatedSettings

# RFC 9110, section 10.1.5: products come in order of significance, so the first is the client.
_PRODUCT = re.compile(rb"([A-Za-z][A-Za-z0-9._-]{0,31})(?:[/ (].*)?")

# RFC 3986, section 2.2, and existing escapes.
_KEPT = ":/?#[]@!$&'()*+,;=%"


@dataclass(frozen=True)
class Deprecation:
    """Since when a route is deprecated, and until when it is served; days begin in UTC.

    Attributes:
        sunset: The first day on which the route is gone; None if not decided yet.
        link: A page that explains the change.
    """

    since: date
    sunset: date | None = None
    link: str | None = None

    def is_over(self, now: float) -> bool:
        """Whether the route is gone at `now`, in seconds since the epoch."""
        return self.sunset is not None and now >= self._sunset_at

    @cached_property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The fields to add to every response."""
        found = [("Deprecation", f"@{int(_midnight(self.since).timestamp())}")]
        if self.sunset is not None:
            found.append(("Sunset", format_datetime(_midnight(self.sunset), usegmt=True)))
        if self.link is not None:
            # RFC 8288, section 3: the target is ASCII and contains no angle bracket.
            target = quote(self.link, safe=_KEPT)
            found.append(("Link", f'<{target}>; rel="deprecation"; type="text/html"'))
        return tuple(found)

    @cached_property
    def lines(self) -> bytes:
        """The same fields as lines of a head."""
        return "".join(f"{name}: {value}\r\n" for name, value in self.fields).encode()

    @cached_property
    def _sunset_at(self) -> float:
        return float("inf") if self.sunset is None else _midnight(self.sunset).timestamp()


def deprecation_of(settings: "DeprecatedSettings | None") -> Deprecation | None:
    """The deprecation that `settings` describe, or None."""
    if settings is None:
        return None
    return Deprecation(settings.since, settings.sunset, settings.link)


def client_name(user_agents: "Sequence[bytes]") -> str:
    """The program that sent a request, from its User-Agent, without version: ``curl``, ``okhttp``.

    ``none`` without a User-Agent, ``other`` if it does not begin with a product.
    """
    if not user_agents:
        return "none"
    found = _PRODUCT.fullmatch(user_agents[0])
    return found[1].decode() if found else "other"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
