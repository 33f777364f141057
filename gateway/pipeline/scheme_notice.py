"""Tells the operator of a public URL that browsers do not use."""

import logging
from typing import Final

from gateway.message.fields import Fields
from gateway.message.forwarded import forwarded_scheme

_log = logging.getLogger(__name__)

_EVERY_S: Final = 3600.0


class SchemeNotice:
    """Warns if browsers use https, as a trusted proxy says, and the public URL has http.

    Cookies are then sent without Secure, and redirects and sign-ins lead to http.
    """

    def __init__(self) -> None:
        self._next_at = float("-inf")

    def look(self, fields: Fields, public_url: str, now: float) -> None:
        """Warn if `fields`, of a trusted proxy, do not fit `public_url`; once an hour at most."""
        if now < self._next_at or public_url[:5] != "http:":
            return
        if forwarded_scheme(fields) == "https":
            self._next_at = now + _EVERY_S
            _log.warning(
                "public_url %s: a proxy says that browsers use https: the cookies are not Secure, "
                "and redirects lead to http. To do: write https%s in public_url",
                public_url,
                public_url[4:],
            )
