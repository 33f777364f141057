"""The gateway's public keys, fetched from its key set (RFC 7517) and kept by ``kid``."""

import http.client
import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping
from threading import Lock
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

# As the gateway's own Cache-Control says: a key that it has given up is not trusted for longer.
MAX_AGE_S = 300.0
# However many unknown key ids arrive, the gateway is asked no more often.
MIN_INTERVAL_S = 10.0
# Without any key every request fails, so the next try comes sooner.
_MIN_INTERVAL_WITHOUT_KEYS_S = 1.0
_TIMEOUT_S = 5.0
_MAX_BYTES = 65_536

_log = logging.getLogger("gateway.verify")

Fetch = Callable[[str], bytes]


class KeysUnavailableError(Exception):
    """The gateway's keys could not be fetched even once, so nothing can be verified."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    # Keys come from the configured address and from no other; None makes a redirect an error.
    def redirect_request(self, *_: object) -> None:
        return None


def fetch(url: str) -> bytes:
    """The document at `url`.

    Raises:
        OSError: No answer, or one with another status than 200.
        ValueError: The document is too long.
        http.client.HTTPException: The answer is not HTTP.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/jwk-set+json"})  # noqa: S310 - Keys takes http and https only
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(request, timeout=_TIMEOUT_S) as response:
        document: bytes = response.read(_MAX_BYTES + 1)
    if len(document) > _MAX_BYTES:
        raise ValueError(f"the key set is longer than {_MAX_BYTES} bytes")
    return document


class Keys:
    """The keys at one URL; threads may share it."""

    def __init__(
        self,
        url: str,
        fetch: Fetch = fetch,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Fetch from `url` when a key is first asked for.

        Raises:
            ValueError: `url` is not an http or https URL.
        """
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"jwks_url: {url!r} is not an http or https URL")
        self._url = url
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: Mapping[str, ECKey] = {}
        self._stale_at = 0.0
        self._next_fetch_at = float("-inf")
        self._lock = Lock()

    def find(self, kid: str) -> ECKey | None:
        """The key, if it is held; fetches nothing.

        Raises:
            KeysUnavailableError: No key at all could be fetched so far.
        """
        keys = self._keys
        if not keys:
            raise KeysUnavailableError(f"no keys could be fetched from {self._url}")
        return keys.get(kid)

    def has(self, kid: str) -> bool:
        """Whether the key is held."""
        return kid in self._keys

    def is_due(self, kid: str) -> bool:
        """Whether `refresh` would ask the gateway: the key is unknown, or the set is stale."""
        now = self._monotonic()
        if now < self._next_fetch_at:
            return False
        return kid not in self._keys or now >= self._stale_at

    def refresh(self, kid: str) -> None:
        """Fetch the keys if that is due; they stay as they are if the gateway does not answer.

        Threads that need an unknown key wait for the one that fetches.  Those that only found the
        set stale go on.
        """
        if not self._lock.acquire(blocking=not self.has(kid)):
            return
        try:
            # The thread that had the lock may have fetched already.
            if self.is_due(kid):
                self._replace()
        finally:
            self._lock.release()

    def _replace(self) -> None:
        try:
            keys = read_keys(self._fetch(self._url))
        except (OSError, ValueError, http.client.HTTPException) as error:
            _log.warning("the gateway's keys could not be fetched from %s: %s", self._url, error)
        else:
            self._keys = keys
            self._stale_at = self._monotonic() + MAX_AGE_S
        interval_s = MIN_INTERVAL_S if self._keys else _MIN_INTERVAL_WITHOUT_KEYS_S
        self._next_fetch_at = self._monotonic() + interval_s


def read_keys(document: bytes) -> dict[str, ECKey]:
    """The keys of a JWK set that can verify an assertion, by ``kid``; others are skipped.

    Raises:
        ValueError: It is not a JWK set, or has no such key.
    """
    key_set = json.loads(document)
    members = key_set.get("keys") if isinstance(key_set, dict) else None
    if not isinstance(members, list):
        raise ValueError("not a JWK set")  # noqa: TRY004 - the document is wrong, not its type
    keys = {}
    for member in members:
        key = _read_key(member) if isinstance(member, dict) else None
        if key is not None:
            keys[str(member["kid"])] = key
    if not keys:
        raise ValueError("no key for ES256 with a kid in the JWK set")
    return keys


def _read_key(member: Mapping[str, object]) -> ECKey | None:
    # RFC 7517, section 4, and RFC 7518, section 6.2.
    kid, x, y = (member.get(name) for name in ("kid", "x", "y"))
    kind = (member.get("kty"), member.get("crv"))
    purpose = (member.get("use", "sig"), member.get("alg", "ES256"))
    if kind != ("EC", "P-256") or purpose != ("sig", "ES256"):
        return None
    if not (isinstance(kid, str) and kid and isinstance(x, str) and isinstance(y, str)):
        return None
    try:
        key = ECKey.import_key({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        # The point is computed at the first use; one off the curve must fail here.
        _ = key.raw_value
    except (JoseError, ValueError):
        return None
    return key
