"""Calls to providers: one client session, opened at the first call."""

import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.errors import ProviderUnavailableError

if TYPE_CHECKING:
    from aiohttp import ClientSession, StreamReader

# Discovery documents and key sets are a few KiB; no response needs more than this.
MAX_BODY_BYTES = 1024 * 1024
# A user waits for these calls.
TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response from a provider.

    Attributes:
        fields: By lower-case name; if one is repeated, the last counts, except for ``link``, which
            has all links.
    """

    url: str
    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; ``""`` if there is none."""
        return self.fields.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> object:
        """The body as JSON.

        Raises:
            ProviderUnavailableError: it is not JSON.
        """
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise ProviderUnavailableError(f"{self.url}: the answer is not JSON") from error
        return value

    def json_object(self) -> dict[str, object]:
        """The body as a JSON object.

        Raises:
            ProviderUnavailableError: it is not one.
        """
        value = self.json()
        if not isinstance(value, dict):
            raise ProviderUnavailableError(f"{self.url}: the answer is not a JSON object")
        return value


@dataclass(frozen=True, slots=True)
class Way:
    """How to get to a server.

    Attributes:
        tls: None to trust the system's authorities and present no certificate.
        proxy: ``http://host:port``, perhaps with a password; None for a direct connection.
    """

    tls: ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)


DIRECT = Way()


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a provider.

    Attributes:
        body: A form, already encoded; None for none.
        timeout_s: None for the client's own.
    """

    method: str
    url: str
    fields: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float | None = None
    way: Way = DIRECT


class ProviderHttp:
    """Sends requests to providers; keeps no cookies and follows no redirects.

    All providers share it; `gateway.oidc.reach` adds what is particular to one.
    """

    def __init__(
        self, *, timeout_s: float = TIMEOUT_S, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes
        self._session: ClientSession | None = None

    async def get(self, url: str, *, fields: Mapping[str, str] | None = None) -> Answer:
        """Send a GET to `url` and return the response, whatever its status.

        Raises:
            ProviderUnavailableError: no complete response came in time, or it is too large.
        """
        return await self.send(Call("GET", url, fields or {}))

    async def post(
        self,
        url: str,
        form: bytes,
        *,
        fields: Mapping[str, str],
        timeout_s: float | None = None,
    ) -> Answer:
        """Send `form`, already encoded, as a POST and return the response, whatever its status.

        `timeout_s` replaces the default for a response that must not get lost.

        Raises:
            ProviderUnavailableError: no complete response came in time, or it is too large.
        """
        content = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.send(Call("POST", url, {**content, **fields}, form, timeout_s))

    def named(self, who: str) -> "ProviderHttp":
        """This client, with errors that begin with `who`, the provider or issuer being called."""
        return _Named(self, who)

    async def aclose(self) -> None:
        """Close every connection; a later call opens a new session."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def send(self, call: Call) -> Answer:
        """Send a request; `get` and `post` call this and raise what it raises."""
        # aiohttp's client is imported at the first call.  That takes a quarter of a second, which
        # a gateway with only public routes and existing sessions saves at startup.
        import aiohttp

        if self._session is None:
            self._session = self._open()
        timeout = aiohttp.ClientTimeout(
            total=call.timeout_s or self._timeout_s, sock_connect=CONNECT_TIMEOUT_S
        )
        try:
            async with self._session.request(
                call.method,
                call.url,
                headers=call.fields,
                data=call.body,
                allow_redirects=False,
                timeout=timeout,
                ssl=True if call.way.tls is None else call.way.tls,
                proxy=call.way.proxy,
            ) as response:
                content = await self._read(response.content, call.url)
                found = {name.lower(): value for name, value in response.headers.items()}
                # A proxy may add a field, such as for a preload, to that with the next page.
                if "link" in found:
                    found["link"] = ", ".join(response.headers.getall("link"))
                return Answer(call.url, response.status, found, content)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # aiohttp raises ValueError for a URL or field that it will not send.
            raise ProviderUnavailableError(
                _described(error, f"{call.method} {call.url}")
            ) from error

    async def _read(self, stream: "StreamReader", url: str) -> bytes:
        content = bytearray()
        async for chunk in stream.iter_chunked(64 * 1024):
            content += chunk
            if len(content) > self._max_body_bytes:
                raise ProviderUnavailableError(
                    f"{url}: the answer exceeds {self._max_body_bytes} bytes"
                )
        return bytes(content)

    def _open(self, **options: Any) -> "ClientSession":
        """A new session, with more `options` of aiohttp's."""
        import aiohttp

        return aiohttp.ClientSession(
            **options,
            # A cookie jar would mix up cookies from the calls for different users.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "gatepost",
            },
        )


class _Named(ProviderHttp):
    """See `ProviderHttp.named`; it uses the connections of `http`."""

    def __init__(self, http: ProviderHttp, who: str) -> None:
        super().__init__()
        self._http = http
        self._who = who

    async def send(self, call: Call) -> Answer:
        try:
            return await self._http.send(call)
        except ProviderUnavailableError as error:
            raise ProviderUnavailableError(f"{self._who}: {error}") from error


def _described(error: Exception, call: str) -> str:
    """Describe the failure of `call`, without a library's class names where possible."""
    import aiohttp

    match error:
        case aiohttp.ClientConnectorCertificateError():
            cause = error.certificate_error
            detail = getattr(cause, "verify_message", "") or "it is not valid"
            return f"cannot connect to {error.host}:{error.port}: certificate refused: {detail}"
        case aiohttp.ClientProxyConnectionError():
            where = f"{error.host}:{error.port}"
            return f"{call}: cannot connect to the proxy {where}: {_cause(error.os_error)}"
        case aiohttp.ClientHttpProxyError():
            return f"{call}: the proxy refuses the connection: status {error.status}"
        case aiohttp.ClientConnectorError():
            return f"cannot connect to {error.host}:{error.port}: {_cause(error.os_error)}"
        case TimeoutError():
            return f"{call}: no complete response in time"
        case aiohttp.ServerDisconnectedError():
            return f"{call}: the connection was closed before an answer"
        case _:
            return f"{call}: {str(error)[:200]!r}"


def _cause(error: OSError) -> str:
    """The reason of the operating system, or TLS, for a failed connection."""
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'failed').replace('_', ' ').lower()}"
    # Name resolution errors have negative numbers and their own strerror.
    text = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
    return (text or "no address answers").lower()
