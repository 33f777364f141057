"""Whether each app answers here, and whether others can reach it around the gateway."""

import asyncio
import socket
import ssl
import stat
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from gateway.assembly.upstreams import upstream_tls
from gateway.cli.doctor_checks.app_answer import Likeness, NoAnswerError, Where, ask_app
from gateway.cli.doctor_checks.finding import Finding, Level
from gateway.cli.doctor_checks.surroundings import STEP_S, Surroundings
from gateway.message.star import example_of
from gateway.oidc.finding import shown
from gateway.settings.scalars import join_host_port
from gateway.settings.upstreams import UpstreamSettings

_ONLY_US = "or verify the assertion in the app (docs/verify/index.md)"


async def check_upstreams(around: Surroundings) -> list[Finding]:
    """Findings on every upstream."""
    found = await asyncio.gather(
        *(_check(around, name, it) for name, it in around.settings.upstreams.items())
    )
    return [finding for findings in found for finding in findings]


async def _check(around: Surroundings, name: str, upstream: UpstreamSettings) -> list[Finding]:
    host = urlsplit(example_of(around.settings.public_url[0])).netloc
    is_tls, at = upstream.address
    tls = upstream_tls(upstream) if is_tls else None
    server_name = (upstream.tls.server_name or at.host) if is_tls else None
    try:
        answer = await ask_app(Where(at.host, at.port, at.path, tls, server_name), host)
    except NoAnswerError as error:
        level: Level = "warning" if upstream.wake_timeout else "error"
        asleep = " (it may be asleep: wake_timeout is set)" if upstream.wake_timeout else ""
        says = f"{upstream.url} does not answer: {error}{asleep}"
        do = f"start the app, or correct upstreams.{name}.url, as seen from this machine"
        return [Finding(level, "upstream-answer", name, says, do)]
    answered = Finding(
        "ok", "upstream-answer", name, f"{upstream.url} answers, with status {answer.status}"
    )
    if at.path:
        return [answered, _socket(name, at.path)]
    return [answered, await _around(around, name, upstream, answer)]


def _socket(name: str, path: str) -> Finding:
    mode = stat.S_IMODE(Path(path).stat().st_mode)
    says = f"{path} has mode {mode:04o}"
    if mode & stat.S_IWOTH:
        do = "take the permissions of others away (0660): every user of this machine may connect"
        return Finding("warning", "upstream-around", name, says, do)
    return Finding("ok", "upstream-around", name, says)


async def _around(
    around: Surroundings, name: str, upstream: UpstreamSettings, answer: Likeness
) -> Finding:
    """Whether others can reach the app without the gateway, as far as this machine can tell."""
    is_tls, at = upstream.address
    configured = await _addresses(at.host)
    is_local = bool(configured) and all(ip_address(it).is_loopback for it in configured)
    own = await _own_addresses()
    published = [it for it in await _published(around) if it not in configured]
    candidates = dict.fromkeys([*(own if is_local else own & set(configured)), *published])
    host = urlsplit(example_of(around.settings.public_url[0])).netloc
    found = await asyncio.gather(
        *(_is_like(answer, it, at.port, host, is_tls=is_tls) for it in candidates)
    )
    reached = [it for it, is_like in zip(candidates, found, strict=True) if is_like]
    if reached:
        at_all = shown([join_host_port(it, at.port) for it in reached])
        says = f"answers without the gateway at {at_all}"
        do = "bind the app to 127.0.0.1, or let a firewall or a network of its own admit only the "
        return Finding("warning", "upstream-around", name, says, f"{do}gateway; {_ONLY_US}")
    if is_local:
        says = "on this machine, and not found at an address that others can reach"
        return Finding("ok", "upstream-around", name, says)
    says = f"on another machine ({shown(configured)}): who else reaches it cannot be told from here"
    return Finding(
        "ok", "upstream-around", name, says, f"let only the gateway reach it, {_ONLY_US}"
    )


async def _is_like(answer: Likeness, address: str, port: int, host: str, *, is_tls: bool) -> bool:
    """Whether the same app answers at `address`; another server may listen on the same port."""
    tls = None
    if is_tls:
        # Whoever can connect reaches the app, whatever its certificate says.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    try:
        return await ask_app(Where(address, port, tls=tls), host) == answer
    except NoAnswerError:
        return False


async def _published(around: Surroundings) -> list[str]:
    """The addresses of the public URLs that others can reach."""
    hosts = {urlsplit(example_of(url)).hostname or "" for url in around.settings.public_url}
    found = [it for host in sorted(hosts) for it in await _addresses(host)]
    return [it for it in found if not ip_address(it).is_loopback]


async def _own_addresses() -> set[str]:
    """This machine's addresses that others may reach."""
    found = set(await _addresses(socket.gethostname()))
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        # Sends nothing: the system only chooses the address that it would send from.
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((anywhere, 9))
            except OSError:
                continue
            found.add(probe.getsockname()[0])
    return {it for it in found if not ip_address(it).is_loopback}


async def _addresses(host: str) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STEP_S):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(it[4][0]).partition("%")[0] for it in found))
