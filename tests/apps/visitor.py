"""A program or browser in front of a gateway, with one jar of cookies."""

import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.e2e.people import Browser


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, after redirects on the same origin."""

    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Visitor(Browser):
    """Asks an app; with `key`, each request carries that API key as the password of Basic."""

    def __init__(self, origin: str, key: str | None = None, name: str = "anything") -> None:
        super().__init__(origin)
        self.origin = origin
        self._auth = {}
        if key is not None:
            self._auth["Authorization"] = aiohttp.encode_basic_auth(name, key)

    async def ask(self, method: str, path: str, **request: Any) -> Answer:
        """What comes of a request; `headers`, `data`, `json` and `allow_redirects` as aiohttp's."""
        headers = {**self._auth, **request.pop("headers", {})}
        url = f"{self.origin}{path}"
        async with self.session.request(method, url, headers=headers, **request) as response:
            return Answer(response.status, response.headers, await response.read())

    async def navigate(self, method: str, path: str, **request: Any) -> Answer:
        """What a browser gets for a link or a form on a page of the app."""
        about = {
            "Accept": "text/html",
            "Origin": self.origin,
            "Referer": f"{self.origin}/",
            "Sec-Fetch-Mode": "navigate",
            "Sec-Fetch-Site": "same-origin",
        }
        return await self.ask(method, path, headers=about, allow_redirects=False, **request)

    def cookie(self, name: str) -> str:
        """The value of a cookie that scripts may read."""
        return str(self.cookies()[name].value)
