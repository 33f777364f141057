"""A hook that calls an app: a signed POST, tried again while the app cannot answer."""

import hashlib
import hmac
import os
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gateway.accounts.hook_event import (
    AnswerError,
    HookAnswer,
    HookEvent,
    decode_answer,
    encode_event,
    idempotency_key,
)
from gateway.accounts.hook_tries import TryAgainError, with_retries
from gateway.errors import HookFailedError
from gateway.settings.accounts import HttpHookSettings

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

MAX_ANSWER_BYTES = 64 * 1024
_CONNECT_S = 5.0
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = range(500, 600)
_SUCCESSES = range(200, 300)
_REDIRECTS = range(300, 400)


def signature(secret: str, body: bytes, now: float) -> str:
    """The value of ``Gatepost-Signature``: the time in it keeps an old call from being replayed."""
    at = int(now)
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


class HttpHook:
    """Calls one URL.

    Environment variables such as HTTPS_PROXY do not count: an app's own endpoint is called
    directly, and no proxy learns about its users.
    """

    def __init__(self, settings: HttpHookSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._session: ClientSession | None = None

    @property
    def timeout_s(self) -> float:
        """How long all its tries may take, in seconds."""
        return self._settings.timeout

    @property
    def name(self) -> str:
        """What it is called in the log: without a query, which may hold a secret."""
        parts = urlsplit(self._settings.url)
        return f"POST {parts.scheme}://{parts.netloc}{parts.path}"

    async def run(self, event: HookEvent) -> HookAnswer:
        """What the app answers.

        Raises:
            HookFailedError: It did not answer in time, or not as it must.
        """
        body, key = encode_event(event), idempotency_key(event)
        answer = await with_retries(lambda: self._try(body, key), self._settings.timeout)
        try:
            return decode_answer(answer)
        except AnswerError as error:
            raise HookFailedError(str(error)) from None

    async def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _try(self, body: bytes, key: str) -> bytes:
        """The body of a successful answer to one call.

        Raises:
            TryAgainError: The app could not be reached, or asks to be called later.
            HookFailedError: It answered what a second call would not change.
        """
        # Imported at the first call, as in gateway.oidc.http.
        import aiohttp

        if self._session is None:
            self._session = self._open()
        fields = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "Gatepost-Signature": signature(self._settings.secret or "", body, self._clock()),
        }
        try:
            async with self._session.post(
                self._settings.url, data=body, headers=fields, allow_redirects=False
            ) as response:
                _judge(response)
                return await _read(response)
        except TimeoutError:
            raise TryAgainError("no answer in time") from None
        except aiohttp.ClientSSLError:
            raise HookFailedError(
                "TLS failed: the certificate does not hold, or this is no TLS"
            ) from None
        except ValueError:
            raise HookFailedError("the URL cannot be called") from None
        except (aiohttp.ClientError, OSError) as error:
            raise TryAgainError(_described(error)) from None

    def _open(self) -> "ClientSession":
        import aiohttp

        return aiohttp.ClientSession(
            # What one account's call was given is not sent with another's.
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
            # A few bytes can stand for gigabytes: nothing is unpacked.
            auto_decompress=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "gatepost",
            },
        )


def _judge(response: "ClientResponse") -> None:
    """Let a successful answer pass.

    Raises:
        TryAgainError, HookFailedError: As `HttpHook._try`.
    """
    status = response.status
    if status == _TOO_MANY_REQUESTS or status in _SERVER_ERRORS:
        raise TryAgainError(f"the answer is {status}")
    if status in _REDIRECTS:
        raise HookFailedError(f"the answer is {status}, and redirects are not followed")
    if status not in _SUCCESSES:
        raise HookFailedError(f"the answer is {status}")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HookFailedError("the answer is compressed, which was not asked for")


async def _read(response: "ClientResponse") -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(MAX_ANSWER_BYTES):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            # Whatever else comes is not read.
            response.close()
            raise HookFailedError(f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    return bytes(content)


def _described(error: Exception) -> str:
    """What went wrong; an app's own words are not repeated, since they may name a person."""
    import aiohttp

    match error:
        case aiohttp.ClientConnectorError() if error.os_error.errno:
            number = error.os_error.errno
            reason = os.strerror(number) if number > 0 else str(error.os_error.strerror)
            return f"cannot connect: {reason.lower()}"
        case aiohttp.ClientConnectorError():
            return "cannot connect"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError() | OSError():
            return "the connection was closed before the answer was complete"
        case _:
            return "the answer is not HTTP"
