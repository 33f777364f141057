"""Whether a public URL can be reached: its addresses, its port, and whether it has TLS."""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.cli.doctor_checks.failure import reason_of
from gateway.cli.doctor_checks.finding import Finding, Level
from gateway.cli.doctor_checks.surroundings import STEP_S, Surroundings
from gateway.oidc.finding import shown
from gateway.settings.addresses import is_address, is_loopback

_PORTS = {"http": 80, "https": 443}
_MAX_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Place:
    """Where a public URL leads.

    Attributes:
        is_direct: Whether the gateway itself listens there, as far as the port and scheme tell.
    """

    url: str
    host: str
    port: int
    is_tls: bool
    is_direct: bool


def place_of(around: Surroundings, url: str) -> Place:
    """Where `url` leads."""
    parts, server = urlsplit(url), around.settings.server
    port = parts.port or _PORTS[parts.scheme]
    is_tls = parts.scheme == "https"
    is_direct = port in [it.port for it in server.listen] and is_tls == (server.tls is not None)
    return Place(url, parts.hostname or "", port, is_tls, is_direct)


async def resolve(place: Place, findings: list[Finding]) -> list[str]:
    """The addresses of the host."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_S):
            found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        says = f"{place.host} has no address: {reason_of(error)}"
        do = f"add an A or AAAA record for {place.host}, or correct public_url"
        findings.append(Finding("error", "public-url-dns", place.url, says, do))
        return []
    addresses = list(dict.fromkeys(str(it[4][0]).partition("%")[0] for it in found))
    kinds = {_kind(it) for it in addresses}
    says = shown(addresses)
    if is_address(place.host):
        says = "an address, no name"
    if kinds == {"loopback"}:
        says += " (loopback: only this machine can reach it)"
    elif "public" not in kinds:
        says += " (private: only your own network can reach it)"
    findings.append(Finding("ok", "public-url-dns", place.url, says))
    return addresses[:_MAX_ADDRESSES]


def _kind(address: str) -> str:
    parsed = ip_address(address)
    if parsed.is_loopback:
        return "loopback"
    return "private" if parsed.is_private else "public"


async def connect(
    around: Surroundings, place: Place, addresses: list[str], findings: list[Finding]
) -> bool:
    """Whether any of `addresses` accepts connections."""
    failures = await asyncio.gather(*(why_closed(it, place.port) for it in addresses))
    failed = {at: why for at, why in zip(addresses, failures, strict=True) if why}
    if not failed:
        findings.append(Finding("ok", "public-url-connect", place.url, "accepts connections"))
        return True
    told = shown([f"{at}: {why}" for at, why in failed.items()])
    if len(failed) < len(addresses):
        says = f"some addresses do not answer: {told}"
        do = "remove their records from DNS, or let the proxy listen there: clients try them first"
        findings.append(Finding("warning", "public-url-connect", place.url, says, do))
        return True
    is_expected = bool(around.not_running) and place.is_direct
    level: Level = "warning" if is_expected else "error"
    do = (
        "start the gateway"
        if is_expected
        else f"let the proxy, or server.listen, listen on port {place.port}, and open the firewall"
    )
    findings.append(Finding(level, "public-url-connect", place.url, told, do))
    return False


async def why_closed(address: str, port: int) -> str:
    """Why no connection can be opened; ``""`` if it can."""
    try:
        async with asyncio.timeout(STEP_S):
            _, writer = await asyncio.open_connection(address, port)
    except OSError as error:
        return reason_of(error)
    writer.transport.abort()
    return ""


def judge_scheme(place: Place) -> Finding:
    """The finding on a URL with plain http."""
    if is_loopback(place.host):
        return Finding("ok", "public-url-https", place.url, "plain http, on this machine only")
    says = "plain http: cookies and tokens can be read and changed in transit"
    do = "terminate TLS in the proxy, or with server.tls, and write https:// in public_url"
    return Finding("warning", "public-url-https", place.url, says, do)
