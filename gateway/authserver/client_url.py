"""Client ids that are the URL of a client ID metadata document.  Pure.

draft-ietf-oauth-client-id-metadata-document, section 3, without what it advises against: a query.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_LONGEST = 2000
# With a path that is not empty, and without user name, query, fragment and encoded characters: it
# has one reading and one spelling.
_URL = re.compile(
    r"https://(?P<host>[a-z0-9]+(?:[.-]+[a-z0-9]+)*)(?P<port>:[1-9][0-9]{0,4})?"
    r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]+"
)
_DOTS = re.compile(r"/\.{1,2}(?:/|$)")


@dataclass(frozen=True, slots=True)
class Hosts:
    """Hosts whose documents are taken.

    Attributes:
        any_port: For tests; otherwise only 443, so that nobody can scan ports from here.
    """

    exact: frozenset[str]
    below: tuple[str, ...]
    every: bool
    any_port: bool = False

    @classmethod
    def of(cls, names: Iterable[str], *, any_port: bool = False) -> "Hosts":
        """Those of `names`: a host, ``*.example.com`` or ``*``."""
        named = frozenset(names)
        below = tuple(name[1:] for name in named if name.startswith("*."))
        exact = frozenset(name for name in named if not name.startswith("*"))
        return cls(exact, below, "*" in named, any_port)

    def takes(self, client_id: str) -> bool:
        """Whether `client_id` is the URL of a document on one of the hosts."""
        host = self._host(client_id)
        return host is not None and (self.every or self._names(host))

    def names(self, client_id: str) -> bool:
        """Whether the host of `client_id` is named, and not only among any."""
        host = self._host(client_id)
        return host is not None and self._names(host)

    def _host(self, client_id: str) -> str | None:
        if len(client_id) > _LONGEST:
            return None
        found = _URL.fullmatch(client_id)
        if found is None or _DOTS.search(client_id) is not None:
            return None
        return found["host"] if found["port"] is None or self.any_port else None

    def _names(self, host: str) -> bool:
        return host in self.exact or host.endswith(self.below)
