"""Alice, with a browser that is known to a gateway and to a provider."""

import aiohttp
from yarl import URL

from tests.providers.provider import Provider

_HTML = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


def _browser(origin: str) -> aiohttp.ClientSession:
    # As browsers do with loopback addresses, where they take Secure cookies without TLS.
    jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False, treat_as_secure_origin=URL(origin))
    return aiohttp.ClientSession(cookie_jar=jar)


class Person:
    """One browser; its cookies of both sides are apart, as with hosts of their own."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.origin = provider.place.origin
        self.here = _browser(self.origin)
        self.there = _browser(provider.place.url)

    async def close(self) -> None:
        """Close the browser."""
        await self.here.close()
        await self.there.close()

    async def visit(self, url: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, Location and text of one answer of the gateway's."""
        headers = {**_HTML, "Origin": self.origin}
        async with self.here.request(
            method, url, headers=headers, allow_redirects=False
        ) as response:
            return response.status, response.headers.get("Location", ""), await response.text()

    async def sign_in(self) -> tuple[int, str]:
        """Sign in; status and text of the callback."""
        _, there, page = await self.visit(f"{self.origin}/_gatepost/login/id?return_to=/")
        assert there, page
        status, _, text = await self.visit(await self.provider.enter(self.there, there))
        return status, text

    async def sign_out(self) -> str:
        """Sign out at the gateway; the URL that it sends the browser to."""
        _, location, _ = await self.visit(f"{self.origin}/_gatepost/logout", "POST")
        return location

    async def whoami(self) -> dict[str, object]:
        """What the gateway knows of who is signed in; empty for nobody."""
        async with self.here.get(f"{self.origin}/_gatepost/whoami") as response:
            found: dict[str, object] = await response.json()
            return found if response.status == 200 else {}

    async def get(self, path: str = "/page") -> int:
        """The status of a page of the app's."""
        return (await self.visit(f"{self.origin}{path}"))[0]
