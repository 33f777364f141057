"""Sockets that systemd opened before it started the gateway (sd_listen_fds(3))."""

import os
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field

from gateway.errors import SettingsError
from gateway.settings.scalars import Address, join_host_port
from gateway.settings.schema import ServerSettings

_FIRST = 3  # SD_LISTEN_FDS_START
_UNNAMED = "unknown"  # What sd_listen_fds_with_names(3) calls a socket without a name.
_FAMILIES = (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)


@dataclass(frozen=True, slots=True)
class Passed:
    """The sockets passed to this process.

    Attributes:
        sockets: Name -> descriptors; a .socket unit gives all of its sockets the same name.
        other_pid: The process they were meant for, if it is another one; else "".
    """

    sockets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    other_pid: str = ""

    def at(self, address: Address) -> tuple[int, ...]:
        """The descriptors to listen on for `address`; empty if it is no ``fd:NAME``."""
        return self.sockets[address.fd] if address.fd else ()

    def all_of(self, server: ServerSettings) -> dict[str, tuple[int, ...]]:
        """Address as text -> descriptors, for each ``fd:NAME`` of `server`."""
        named = (*server.listen, server.admin_listen)
        return {str(address): self.at(address) for address in named if address.fd}

    def where(self, address: Address) -> str:
        """`address` as a client writes it, ``HOST:PORT`` or ``unix:/path``."""
        if not address.fd:
            return str(address)
        with socket.socket(fileno=os.dup(self.at(address)[0])) as bound:
            name = bound.getsockname()
        return f"unix:{name}" if isinstance(name, str) else join_host_port(name[0], name[1])


NOTHING_PASSED = Passed()


def take_passed(environ: MutableMapping[str, str], pid: int) -> Passed:
    """The sockets passed to this process `pid`; programs that it starts inherit none of it."""
    meant_for = environ.pop("LISTEN_PID", "")
    count = environ.pop("LISTEN_FDS", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    if meant_for != str(pid) or not count.isdecimal():
        return Passed(other_pid=meant_for if meant_for != str(pid) else "")
    sockets: dict[str, tuple[int, ...]] = {}
    for index in range(int(count)):
        os.set_inheritable(_FIRST + index, False)
        name = (names[index] if index < len(names) else "") or _UNNAMED
        sockets[name] = (*sockets.get(name, ()), _FIRST + index)
    return Passed(sockets)


def check_passed(server: ServerSettings, passed: Passed) -> list[str]:
    """Check the sockets that `server` names; returns the names of those it does not use.

    Raises:
        SettingsError: A socket was not passed, or is not one to accept connections on.
    """
    named = [("server.listen", address) for address in server.listen if address.fd]
    if server.admin_listen.fd:
        named.append(("server.admin_listen", server.admin_listen))
    problems = [
        f"{setting}: {address}: {problem}"
        for setting, address in named
        for problem in _problems(address.fd, passed)
    ]
    if problems:
        raise SettingsError(problems)
    return sorted(passed.sockets.keys() - {address.fd for _, address in named})


def _problems(name: str, passed: Passed) -> Iterator[str]:
    if passed.other_pid:
        yield (
            f"systemd passed sockets to process {passed.other_pid}, not to this one: let ExecStart="
            " run gatepost itself, without a shell or wrapper"
        )
    elif not passed.sockets:
        yield "systemd passed no socket: start the gateway with its .socket unit"
    elif name not in passed.sockets:
        known = ", ".join(sorted(passed.sockets))
        yield (
            f"systemd passed no socket of this name (passed: {known}): see FileDescriptorName= in"
            " the .socket unit"
        )
    elif not all(map(_accepts, passed.sockets[name])):
        yield "is not a listening stream socket: use ListenStream= and Accept=no"


def _accepts(descriptor: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as found:
            accepts = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return bool(accepts) and found.type == socket.SOCK_STREAM and found.family in _FAMILIES
    except OSError:
        return False
