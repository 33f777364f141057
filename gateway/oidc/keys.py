"""A provider's public keys (RFC 7517): selection of usable keys, and their cache."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.cache import CachedDocument, freshness_s
from gateway.oidc.http import Answer, ProviderHttp
from gateway.storage.store import Clock

if TYPE_CHECKING:
    from joserfc.jwk import Key

# NIST SP 800-131A forbids shorter keys; longer than 8,192 bits only slows down verification.
MIN_RSA_BITS = 2048
MAX_RSA_BITS = 8192
MIN_RSA_EXPONENT = 3
# Tokens with unknown key ids, however many, cause at most one fetch in this interval.
UNKNOWN_KEY_INTERVAL_S = 60.0
MAX_KEYS = 100

# The key type and curve for each algorithm (RFC 7518, section 3.1; RFC 8037; RFC 9864).
_RSA = ("RSA", "")
_ED25519 = ("OKP", "Ed25519")
KEY_OF_ALGORITHM: Mapping[str, tuple[str, str]] = {
    "RS256": _RSA,
    "RS384": _RSA,
    "RS512": _RSA,
    "PS256": _RSA,
    "PS384": _RSA,
    "PS512": _RSA,
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": _ED25519,
    "Ed25519": _ED25519,
}
ASYMMETRIC = frozenset(KEY_OF_ALGORITHM)
_SYNONYMS = {"Ed25519": "EdDSA"}
# Only these members are imported, so that a private key published by mistake is not kept.
_PUBLIC_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key that can verify signatures.

    Attributes:
        kind: Key type and curve, as in KEY_OF_ALGORITHM.
        algorithm: The only algorithm that the key is for; None if it does not say.
    """

    kid: str | None
    kind: tuple[str, str]
    algorithm: str | None
    key: "Key"

    def serves(self, algorithm: str) -> bool:
        """Whether the key has the type for `algorithm` and is not reserved for another."""
        if KEY_OF_ALGORITHM.get(algorithm) != self.kind:
            return False
        return self.algorithm is None or _canonical(self.algorithm) == _canonical(algorithm)


def _canonical(algorithm: str) -> str:
    return _SYNONYMS.get(algorithm, algorithm)


def read_keys(document: Mapping[str, object]) -> tuple[VerificationKey, ...]:
    """The keys of a JWK set that can verify signatures.

    A key that is broken, weak, or for another purpose is skipped and does not affect the others
    (RFC 7517, section 5).
    """
    members = document.get("keys")
    if not isinstance(members, list):
        return ()
    found = (_read_key(member) for member in members[:MAX_KEYS])
    return tuple(key for key in found if key is not None)


def _read_key(member: object) -> VerificationKey | None:
    if not isinstance(member, dict) or not _may_verify(member):
        return None
    kty = member.get("kty")
    if not isinstance(kty, str) or kty not in _PUBLIC_MEMBERS:
        return None
    values = {name: member.get(name) for name in _PUBLIC_MEMBERS[kty]}
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    kind = (kty, texts.get("crv", ""))
    if kind not in KEY_OF_ALGORITHM.values() or texts.keys() != values.keys():
        return None
    key = _imported(kty, texts) if _is_strong(kty, texts) else None
    if key is None:
        return None
    return VerificationKey(_text(member.get("kid")), kind, _text(member.get("alg")), key)


def _imported(kty: str, values: Mapping[str, str]) -> "Key | None":
    # joserfc is imported late, because only the first token needs it.
    from joserfc.errors import JoseError
    from joserfc.jwk import JWKRegistry

    try:
        key = JWKRegistry.import_key({"kty": kty, **values})
        # joserfc builds the point or modulus at first use; make a bad one fail here.
        _ = key.raw_value
    except (JoseError, ValueError, TypeError, KeyError, OverflowError):
        return None
    return key


def _may_verify(member: Mapping[str, object]) -> bool:
    # RFC 7517, sections 4.2 to 4.4.
    if member.get("use", "sig") != "sig":
        return False
    operations = member.get("key_ops")
    if operations is not None and not (isinstance(operations, list) and "verify" in operations):
        return False
    algorithm = member.get("alg")
    return algorithm is None or (isinstance(algorithm, str) and algorithm in ASYMMETRIC)


def _is_strong(kty: str, values: Mapping[str, str]) -> bool:
    if not all(_is_base64url(value) for name, value in values.items() if name != "crv"):
        return False
    if kty != "RSA":
        return True
    exponent = _integer(values["e"])
    return (
        MIN_RSA_BITS <= _integer(values["n"]).bit_length() <= MAX_RSA_BITS
        and MIN_RSA_EXPONENT <= exponent < 2**32
    )


def _is_base64url(value: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_-]{1,4096}", value) is not None and len(value) % 4 != 1


def _integer(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


async def fetch_key_set(url: str, http: ProviderHttp) -> Answer:
    """Fetch the key set at `url`, without parsing it.

    Raises:
        ProviderUnavailableError: there is no response, or not a 200.
    """
    answer = await http.get(url)
    if answer.status != 200:  # noqa: PLR2004 - anything else is not a key set
        raise ProviderUnavailableError(f"{answer.url}: status {answer.status}")
    return answer


class Keys(Protocol):
    """Keys to verify signatures with."""

    async def candidates(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        """See KeySource.candidates."""


class FixedKeys:
    """Keys that do not change."""

    def __init__(self, keys: tuple[VerificationKey, ...]) -> None:
        self._keys = keys

    async def candidates(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        """See KeySource.candidates."""
        return _matching(self._keys, kid, algorithm)


class KeySource:
    """The keys of one provider: cached, kept while it is down, refetched for an unknown key id."""

    def __init__(
        self,
        jwks_uri: Callable[[], Awaitable[str]],
        http: ProviderHttp,
        clock: Clock,
        *,
        unknown_interval_s: float = UNKNOWN_KEY_INTERVAL_S,
    ) -> None:
        self._jwks_uri = jwks_uri
        self._http = http
        self._clock = clock
        self._unknown_interval_s = unknown_interval_s
        self._asked_again_at: float | None = None
        self._document = CachedDocument(self._fetch, clock)

    @property
    def failure(self) -> GatewayError | None:
        """Why the last fetch failed; None if it did not."""
        return self._document.failure

    @property
    def fetched_at(self) -> float | None:
        """When they were fetched the last time; None if they never were."""
        return self._document.fetched_at

    async def candidates(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        """The keys that may have signed a token with this header; empty if none fits.

        Without a key id, all fitting keys are returned; the caller must refuse more than one
        (OpenID Connect Core 1.0, section 10.1).

        Raises:
            GatewayError: the keys were never fetched, and the fetch failed.
        """
        found = _matching(await self._document.get(), kid, algorithm)
        if found:
            return found
        if self._may_ask_again():
            return _matching(await self._document.renewed(), kid, algorithm)
        # Another token with the same new key may have started the fetch: wait for it.
        await self._document.settled()
        return _matching(await self._document.get(), kid, algorithm)

    def _may_ask_again(self) -> bool:
        now = self._clock()
        last = self._asked_again_at
        if last is not None and 0 <= now - last < self._unknown_interval_s:
            return False
        self._asked_again_at = now
        return True

    async def _fetch(self) -> tuple[tuple[VerificationKey, ...], float]:
        answer = await fetch_key_set(await self._jwks_uri(), self._http)
        keys = read_keys(answer.json_object())
        if not keys:
            raise ProviderUnavailableError(f"{answer.url}: no key can verify a signature")
        return keys, freshness_s(answer.fields.get("cache-control", ""))


def _matching(
    keys: tuple[VerificationKey, ...], kid: str | None, algorithm: str
) -> tuple[VerificationKey, ...]:
    return tuple(k for k in keys if k.serves(algorithm) and (kid is None or k.kid == kid))
