"""Methods that a configuration names."""

from collections.abc import Iterable


def with_head(methods: Iterable[str]) -> frozenset[str]:
    """`methods`, with HEAD if they include GET (RFC 9110, section 9.3.2)."""
    found = frozenset(methods)
    return found | {"HEAD"} if "GET" in found else found
