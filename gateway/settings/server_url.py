"""Reads the URL of a server that is no web server: a scheme and a host, and nothing else."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from gateway.settings.addresses import split_host_port
from gateway.settings.scalars import Address, as_text, quote, wrong


def parse_server_url(value: object, schemes: Iterable[str], instead: str) -> str:
    """`value` if it is ``SCHEME://HOST`` with one of `schemes`, perhaps with a slash at the end.

    `instead` names the settings that have the user name and password.
    """
    text, schemes = as_text(value, "a URL"), tuple(schemes)
    scheme, separator, rest = text.partition("://")
    host = rest.removesuffix("/")
    if scheme not in schemes or not separator or re.search("[/?#]", host):
        *most, last = (f"{it}://HOST" for it in schemes)
        raise wrong(f"{quote(text)} must be {', '.join(most)} or {last}")
    if "@" in host:
        raise wrong(f"must not contain a user name or password: write {instead}")
    if split_host_port(host) is None:
        raise wrong(f"{quote(text)} has no valid host")
    return text


def address_of(url: str, ports: Mapping[str, int]) -> Address:
    """Where to connect for `url`; `ports` has the usual port of each scheme."""
    parts = urlsplit(url)
    host, port = split_host_port(parts.netloc) or ("", None)
    return Address(host, port or ports[parts.scheme])
