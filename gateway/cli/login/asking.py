"""Asks the gateway: JSON over HTTP, with time-outs and limits, and without redirects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from gateway import __version__
from gateway.cli.login.failure import CommandError
from gateway.cli.table import printable

_TIMEOUT_S = 30.0
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        document: Empty if it was no JSON object.
    """

    status: int
    document: Mapping[str, object] = field(repr=False)

    def text(self, name: str) -> str:
        """The member `name`; ``""`` unless it is text."""
        value = self.document.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str, default: float) -> float:
        """The member `name`; `default` unless it is a number."""
        value = self.document.get(name)
        return float(value) if isinstance(value, int | float) else default

    @property
    def error(self) -> str:
        """The protocol's error code; ``""`` if there is none."""
        return self.text("error")

    @property
    def why(self) -> str:
        """What is wrong, in one line."""
        return printable(self.text("error_description") or self.error) or f"status {self.status}"


class _NoRedirects(HTTPRedirectHandler):
    """Tokens and codes go where they were meant to go."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def ask(url: str, form: Mapping[str, str] | None = None) -> Answer:
    """GET, or POST of `form`; any status is an answer.  `url` is https, or http on loopback.

    Raises:
        CommandError: Nobody answers.
    """
    data = None if form is None else urlencode(form).encode()
    fields = {"Accept": "application/json", "User-Agent": f"gatepost/{__version__}"}
    # The scheme was checked, see `address`.
    request = Request(url, data, fields)  # noqa: S310
    try:
        with _opener(url).open(request, timeout=_TIMEOUT_S) as response:
            return Answer(response.status, _document(response.read(_MOST_BYTES)))
    except HTTPError as answer:
        with answer:
            return Answer(answer.code, _document(answer.read(_MOST_BYTES)))
    except URLError as error:
        raise CommandError(f"cannot reach {_shown(url)}: {error.reason}") from None
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot reach {_shown(url)}: {error}") from None


def _opener(url: str) -> OpenerDirector:
    # A proxy has no loopback address of ours.
    local = [ProxyHandler({})] if url.startswith("http:") else []
    return build_opener(_NoRedirects, *local)


def _document(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _shown(url: str) -> str:
    return url.partition("?")[0]
