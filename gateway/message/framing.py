"""Where a message's body ends, according to the fields of its head (RFC 9112, section 6.3).

Refuses what two servers could frame differently: Content-Length with Transfer-Encoding, several
lengths, codings other than ``chunked``.
"""

import re
from typing import Final

from gateway.message.field_lines import HeadError

CHUNKED: Final = -1
UNTIL_CLOSE: Final = -2

LENGTH = re.compile(rb"[0-9]{1,18}")


def framed_length(values: dict[bytes, list[bytes]], *, http_1_0: bool) -> int:
    """The body length: the Content-Length, `CHUNKED` or `UNTIL_CLOSE`.

    Raises:
        HeadError: Two servers could frame the message differently.
    """
    lengths = values.get(b"content-length")
    codings = values.get(b"transfer-encoding")
    if codings:
        if lengths:
            raise HeadError("both Content-Length and Transfer-Encoding")
        if http_1_0:
            raise HeadError("Transfer-Encoding in HTTP/1.0")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise HeadError("Transfer-Encoding is not exactly one chunked")
        return CHUNKED
    if not lengths:
        return UNTIL_CLOSE
    if len(lengths) > 1:
        raise HeadError("more than one Content-Length")
    if LENGTH.fullmatch(lengths[0]) is None:
        raise HeadError("Content-Length is not a number")
    return int(lengths[0])
