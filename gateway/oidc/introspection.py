"""Token introspection: asks an issuer about an opaque token (RFC 7662)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlencode

from cachetools import TLRUCache

from gateway.errors import ProviderUnavailableError
from gateway.oidc.client_auth import prove_client
from gateway.oidc.discovery import Metadata
from gateway.oidc.http import ProviderHttp
from gateway.oidc.registration import Registration
from gateway.oidc.signed_introspection import MEDIA_TYPE
from gateway.storage.store import Clock

_OK = 200
_JSON = "application/json"
# A response is a few hundred bytes, so this many are a few MiB.
_MAX_ANSWERS = 4096


# Verifies the body of a signed answer; its members.
ReadSigned = Callable[[bytes], Awaitable[Mapping[str, object]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """The issuer's response.

    Attributes:
        claims: None if the token is not active.
        until: Seconds since the epoch until when the response may be reused.
    """

    claims: Mapping[str, object] | None
    until: float


class Introspector:
    """Asks one issuer, as one client, and caches its responses for `cache_s` seconds."""

    def __init__(
        self,
        registration: Registration,
        metadata: Callable[[], Awaitable[Metadata]],
        http: ProviderHttp,
        clock: Clock,
        cache_s: float,
        *,
        read_signed: ReadSigned,
        only_signed: bool = False,
    ) -> None:
        """Ask as `registration`; `read_signed` reads an answer that is a JWT (RFC 9701).

        With `only_signed`, no other answer is asked for and taken.
        """
        self._registration = registration
        self._metadata = metadata
        self._http = http
        self._clock = clock
        self._cache_s = cache_s
        self._read_signed = read_signed
        self._only_signed = only_signed
        # Not a monotonic clock, because `exp` is seconds since the epoch.
        self._answers: TLRUCache[bytes, Answered] = TLRUCache(_MAX_ANSWERS, _until, clock)
        self._asking: dict[bytes, asyncio.Future[Answered]] = {}

    async def ask(self, token: str) -> Answered:
        """The issuer's response for `token`, possibly cached.

        Raises:
            GatewayError: The issuer could not be asked.
        """
        metadata = await self._metadata()
        endpoint = metadata.introspection_endpoint
        if endpoint is None:
            issuer = self._registration.issuer
            raise ProviderUnavailableError(f"{issuer!r} has no introspection endpoint")
        key = _key(self._registration.issuer, endpoint, token)
        known = self._answers.get(key)
        if known is not None:
            return known
        under_way = self._asking.get(key)
        if under_way is not None:
            return await asyncio.shield(under_way)
        return await self._ask_once(key, metadata, endpoint, token)

    async def _ask_once(
        self, key: bytes, metadata: Metadata, endpoint: str, token: str
    ) -> Answered:
        asking = self._asking[key] = asyncio.get_running_loop().create_future()
        try:
            answered = await self._ask(metadata, endpoint, token)
        except BaseException as error:
            # Other waiters must get an error even if this request was cancelled.
            asking.set_exception(ProviderUnavailableError(str(error) or "introspection ended"))
            asking.exception()
            raise
        finally:
            del self._asking[key]
        asking.set_result(answered)
        self._answers[key] = answered
        return answered

    async def _ask(self, metadata: Metadata, endpoint: str, token: str) -> Answered:
        asked_at = self._clock()
        proof = prove_client(self._registration, metadata, asked_at)
        form = [("token", token), ("token_type_hint", "access_token"), *proof.parameters]
        accepted = MEDIA_TYPE if self._only_signed else f"{_JSON}, {MEDIA_TYPE};q=0.9"
        fields = {"Accept": accepted, **dict(proof.fields)}
        answer = await self._http.post(endpoint, urlencode(form).encode(), fields=fields)
        if answer.status != _OK:
            # RFC 7662, section 2.3: the error concerns our client, not the token.
            raise ProviderUnavailableError(f"{endpoint}: status {answer.status}")
        found: Mapping[str, object]
        if answer.media_type == MEDIA_TYPE:
            found = await self._read_signed(answer.body)
        elif self._only_signed:
            raise ProviderUnavailableError(
                f"{endpoint}: introspection.signed is on, and the answer is not signed: its media"
                f" type is {answer.media_type[:100]!r}"
            )
        else:
            found = answer.json_object()
        active = found.get("active")
        if not isinstance(active, bool):
            raise ProviderUnavailableError(f"{endpoint}: active is {active!r}")
        until = asked_at + self._cache_s
        expires_at = found.get("exp")
        if active and isinstance(expires_at, (int, float)):
            until = min(until, expires_at)
        return Answered(found if active else None, until)


def _until(_key: bytes, answered: Answered, _now: float) -> float:
    return answered.until


def _key(issuer: str, endpoint: str, token: str) -> bytes:
    # Hash each part first, so that no two lists of parts give the same key.
    digests = [sha256(part.encode()).digest() for part in (issuer, endpoint, token)]
    return sha256(b"".join(digests)).digest()
