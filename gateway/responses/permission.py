"""The response that lets a proxy forward a request itself."""

from collections.abc import Collection

from gateway.message.response import FieldList, Response
from gateway.responses.bodies import NO_STORE


def go_ahead(lines: bytes, told: Collection[str], added: FieldList) -> Response:
    """The answer that lets the proxy forward the request, with the identity's field `lines`.

    A field of `told` without a value is empty, so that the proxy overwrites the client's own.
    """
    pairs = (line.partition(": ") for line in lines.decode().split("\r\n") if line)
    fields = tuple((name, value) for name, _, value in pairs)
    named = {name.lower() for name, _ in fields}
    empty = tuple((name, "") for name in told if name.lower() not in named)
    return Response(200, (*fields, *empty, *added, NO_STORE))
