"""The binary header of the PROXY protocol, in which a load balancer gives the client's address.

haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2.  Pure.
"""

import struct
from ipaddress import IPv4Address, IPv6Address

from gateway.errors import MalformedRequestError
from gateway.message.forwarded import UNKNOWN_CLIENT, canonical_address

# No request of HTTP/1.1 begins like this.
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED = struct.Struct(">12sBBH")
FIXED_BYTES = _FIXED.size
# The format allows 64 KiB of extensions; nginx allows as much as this.
MOST_BYTES = 4096

_LOCAL, _PROXY = 0x20, 0x21  # Version 2, and the command.
_UNSPEC, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
# Both addresses and, except for Unix, both ports.
_ADDRESS_BYTES = {_TCP4: 12, _TCP6: 36, _UNIX: 216}

_CRC32C = 0x03
_CRC_BYTES = 4


def payload_bytes(fixed: bytes) -> int:
    """How many bytes follow `fixed`, the first `FIXED_BYTES` of a header.

    Raises:
        MalformedRequestError: `fixed` does not begin a header of version 2, or it is too long.
    """
    signature, command, _, size = _FIXED.unpack(fixed)
    if signature != SIGNATURE or command not in (_LOCAL, _PROXY):
        raise MalformedRequestError("no PROXY header of version 2")
    if FIXED_BYTES + size > MOST_BYTES:
        raise MalformedRequestError(f"a PROXY header of more than {MOST_BYTES} bytes")
    return int(size)


def client_of(fixed: bytes, payload: bytes) -> str | None:
    """The client's address; None if the load balancer speaks for itself (LOCAL).

    ``"unknown"`` if the client has no IP address, for example because it came by a Unix socket.

    Raises:
        MalformedRequestError: The header is malformed, not about TCP, or its checksum is wrong.
    """
    _, command, family, _ = _FIXED.unpack(fixed)
    if command == _LOCAL:
        return None
    if family == _UNSPEC:
        # Not the load balancer's own address, which the specification permits here: rules for that
        # address, and trust in its X-Forwarded-For, would then apply to any client.
        return UNKNOWN_CLIENT
    size = _ADDRESS_BYTES.get(family)
    if size is None or len(payload) < size:
        raise MalformedRequestError("a PROXY header without a TCP address")
    _check_extensions(fixed + payload, FIXED_BYTES + size)
    if family == _UNIX:
        return UNKNOWN_CLIENT
    address = IPv4Address(payload[:4]) if family == _TCP4 else IPv6Address(payload[:16])
    return canonical_address(str(address))


def _check_extensions(header: bytes, at: int) -> None:
    """Check that the extensions from `at` fill the header, and the checksum among them, if any."""
    checksums = []
    while at < len(header):
        start = at + 3
        end = start + int.from_bytes(header[at + 1 : start], "big")
        if end > len(header) or start > len(header):
            raise MalformedRequestError("a PROXY header whose extensions do not end with it")
        if header[at] == _CRC32C:
            checksums.append((start, end))
        at = end
    for start, end in checksums:
        blank = header[:start] + bytes(end - start) + header[end:]
        if header[start:end] != crc32c(blank).to_bytes(_CRC_BYTES, "big"):
            raise MalformedRequestError("a PROXY header with a wrong checksum")


def _entry(index: int) -> int:
    for _ in range(8):
        index = index >> 1 ^ (0x82F63B78 if index & 1 else 0)
    return index


_TABLE = tuple(map(_entry, range(256)))


def crc32c(data: bytes) -> int:
    """The CRC32c of `data` (RFC 9260, appendix A)."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest = rest >> 8 ^ _TABLE[(rest ^ byte) & 0xFF]
    return rest ^ 0xFFFFFFFF
