"""People at one browser, and an app that sets whatever cookies it is told to."""

import html
from urllib.parse import parse_qs, quote, urlsplit

import aiohttp

from tests.fixtures.demo import sign_in_at_demo_provider
from tests.fixtures.network import HEAD_END, RawConnection

HTML = {"Accept": "text/html"}


async def cookie_app(connection: RawConnection) -> None:
    """Answer with the Cookie field that came; ``?set=`` says which cookies to set."""
    while head := await connection.read_head():
        target = head.split(b" ", 2)[1].decode()
        await connection.read(_length(head))
        wanted = parse_qs(urlsplit(target).query).get("set", [])
        fields = "".join(f"Set-Cookie: {value}\r\n" for value in wanted)
        body = _field(head, b"cookie")
        answer = f"HTTP/1.1 200 OK\r\n{fields}Content-Length: {len(body)}\r\n\r\n".encode()
        await connection.send(answer + body)


def _field(head: bytes, name: bytes) -> bytes:
    for line in head.removesuffix(HEAD_END).split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def _length(head: bytes) -> int:
    return int(_field(head, b"content-length") or 0)


class Browser:
    """One browser in front of a gateway; the provider asks anew who it is at each sign-in."""

    def __init__(self, base_url: str, provider: str = "oidc", walk=sign_in_at_demo_provider):
        self.base_url = base_url
        self._provider = provider
        self._walk = walk
        jar = aiohttp.CookieJar(unsafe=True, quote_cookie=False)
        self.session = aiohttp.ClientSession(cookie_jar=jar)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.session.close()

    def cookies(self):
        """The cookies kept, by name."""
        return {cookie.key: cookie for cookie in self.session.cookie_jar}

    def names(self):
        """The names of the cookies kept that are not the gateway's."""
        return {name for name in self.cookies() if not name.startswith("gatepost")}

    async def sign_in(self, user, provider=None):
        """Sign in as `user`; the status and text of what comes of it."""
        url = f"{self.base_url}/_gatepost/login/{provider or self._provider}?return_to=/home"
        async with self.session.get(url, headers=HTML, allow_redirects=False) as response:
            authorize_url = response.headers["Location"]
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as at_provider:
            callback = await self._walk(at_provider, authorize_url, user)
        async with self.session.get(callback, headers=HTML, allow_redirects=False) as response:
            return response.status, await response.text()

    async def sign_out(self):
        """Sign out at the gateway."""
        url = f"{self.base_url}/_gatepost/logout"
        about = {**HTML, "Origin": self.base_url}
        async with self.session.post(url, headers=about, allow_redirects=False) as response:
            assert response.status in (200, 302, 303), await response.text()

    async def whoami(self):
        """What the gateway knows of who is signed in."""
        async with self.session.get(f"{self.base_url}/_gatepost/whoami") as response:
            return await response.json()

    async def get(self, path, *set_cookies):
        """The cookies that the app got, sorted; it is told to set `set_cookies`."""
        query = "&".join(f"set={quote(value, safe='')}" for value in set_cookies)
        url = f"{self.base_url}{path}?{query}"
        async with self.session.get(url, allow_redirects=False) as response:
            text = await response.text()
            assert response.status == 200, html.unescape(text)
        return sorted(pair for pair in text.split("; ") if pair)
