"""The response that lets a proxy forward a request itself."""

from collections.abc import Collection

from gateway.message.response import FieldList, Response
from gateway.responses.bodies import NO_STORE


def go_ahead_lines(lines: bytes, told: Collection[str]) -> bytes:
    """The field lines of the answer that lets the proxy forward the request.

    `lines` are those of the identity.  A field of `told` without a value is empty, so that the
    proxy overwrites the client's own.
    """
    named = {line.partition(b":")[0].lower() for line in lines.split(b"\r\n")}
    empty = [f"{name}: \r\n" for name in told if name.lower().encode() not in named]
    return lines + "".join((*empty, f"{NO_STORE[0]}: {NO_STORE[1]}\r\n")).encode()


def fields_of(response: Response) -> FieldList:
    """All fields of `response`, those that came as lines too."""
    pairs = (line.partition(": ") for line in response.lines.decode().split("\r\n") if line)
    return (*((name, value) for name, _, value in pairs), *response.fields)
