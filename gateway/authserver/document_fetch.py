"""Fetches client ID metadata documents: a URL of a stranger, called from inside (SSRF).

The address is judged twice: all addresses of the name before any is used, and the very address of
each connection, so a name that resolves to something else the second time leads nowhere.
"""

import socket
from collections.abc import Iterable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.authserver.public_addresses import is_public
from gateway.oidc.http import Answer, Call, ProviderHttp, Way
from gateway.oidc.proxies import proxy_for

MOST_BYTES = 5 * 1024
TIMEOUT_S = 3.0
_AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]


async def fetch_document(
    url: str,
    *,
    is_named: bool,
    any_address: bool = False,
    resolver: AbstractResolver | None = None,
) -> Answer:
    """The answer to a GET of `url`: unredirected, at most 5 KB, within 3 seconds.

    The environment's proxy, which resolves names itself, is asked only for hosts that the operator
    has named.  `any_address` also connects to private addresses.

    Raises:
        ProviderUnavailableError: There is no complete answer, or its address is not public.
    """
    proxy = proxy_for(url) if is_named else None
    http = _DocumentHttp(None if any_address or proxy is not None else PublicResolver(resolver))
    try:
        return await http.send(Call("GET", url, {}, way=Way(proxy=proxy)))
    finally:
        await http.aclose()


class PublicResolver(AbstractResolver):
    """Resolves names of the public internet."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        """Judge what `inner` finds; by default, the system."""
        self._inner = inner or aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`.

        Raises:
            OSError: There are none, or one of them is not public.
        """
        found = await self._inner.resolve(host, port, family)
        _require_public(it["host"] for it in found)
        return found

    async def close(self) -> None:
        """See AbstractResolver.close."""
        await self._inner.close()


class _DocumentHttp(ProviderHttp):
    """Connects for one answer; to public addresses only, if there is a `resolver`."""

    def __init__(self, resolver: PublicResolver | None) -> None:
        super().__init__(timeout_s=TIMEOUT_S, max_body_bytes=MOST_BYTES)
        self._resolver = resolver

    def _open(self, **options: Any) -> aiohttp.ClientSession:
        options["auto_decompress"] = False
        if self._resolver is not None:
            options["connector"] = aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,
                force_close=True,
                socket_factory=public_socket,
            )
        return super()._open(**options)


def public_socket(info: _AddressInfo) -> socket.socket:
    """A socket for a connection to `info`, as aiohttp asks for one.

    The last word: aiohttp asks no resolver for a literal address.

    Raises:
        OSError: The address is not public.
    """
    family, kind, protocol, _, address = info
    _require_public([str(address[0])])
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made


def _require_public(addresses: Iterable[str]) -> None:
    if not all(map(is_public, addresses)):
        # A negative number, as failures to resolve have: the text is shown as it is.
        raise OSError(-1, "its address is not on the public internet")
