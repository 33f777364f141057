"""Hosts with a star: ``*.apps.example.com`` stands for any one label in its place.  Pure."""

import re
from collections.abc import Collection
from typing import Final

# RFC 1123, section 2.1.  The host goes into redirects and callback URLs, so nothing else will do.
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def is_star(host: str) -> bool:
    """Whether `host`, of the configuration, stands for many."""
    return host.startswith("*.")


def star_of(host: str) -> str:
    """The star that covers `host`, a request's, with its port; ``""`` if none can."""
    label, _, parent = host.partition(".")
    return f"*.{parent}" if parent and _LABEL.fullmatch(label) is not None else ""


def in_place_of_star(url: str, host: str) -> str:
    """The public URL of `host`, which the star in `url` covers."""
    return url.replace("*", host.partition(".")[0], 1)


def example_of(url: str) -> str:
    """A URL or host that `url` stands for: itself, if it has no star."""
    return url.replace("*.", "any.", 1) if "://*." in url or is_star(url) else url


def names_host(named: Collection[str], host: str) -> bool:
    """Whether a route for the hosts `named` is for `host`; without a port, for every port."""
    bare = without_port(host)
    return not {host, bare, star_of(host), star_of(bare)}.isdisjoint(named)


def without_port(host: str) -> str:
    """`host` without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and "]" not in port else host
