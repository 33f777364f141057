"""Verifies assertions for one app: its issuer, its audience, the gateway's keys."""

import time
from collections.abc import Callable
from functools import lru_cache

from gateway.verify.assertion import (
    Expected,
    Identity,
    InvalidAssertionError,
    key_id,
    read_assertion,
)
from gateway.verify.keys import Keys

HEADER = "Gatepost-Assertion"
# Clocks that are kept by NTP differ by far less.
LEEWAY_S = 10
_KEY_SET_PATH = "/_gatepost/.well-known/jwks.json"


class Verifier:
    """Verifies assertions; share one per process, because it caches the keys.

    Attributes:
        header: The request field that has the assertion.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        jwks_url: str | None = None,
        header: str = HEADER,
        leeway_s: int = LEEWAY_S,
        clock: Callable[[], float] = time.time,  # noqa: TID251 - the app has no other place
        keys: Keys | None = None,
    ) -> None:
        """Expect the gateway's (first) ``public_url`` as `issuer`, and the upstream's audience.

        `jwks_url` is the key set's address if your app reaches the gateway by another name than
        browsers do.

        Raises:
            ValueError: `issuer` or `audience` is empty, or `jwks_url` is no http or https URL.
        """
        if not issuer or not audience:
            raise ValueError("issuer and audience must not be empty")
        self.header = header
        self.keys = keys or Keys(jwks_url or issuer.rstrip("/") + _KEY_SET_PATH)
        self._expected = Expected(issuer, audience, leeway_s)
        self._clock = clock

    def verify(self, assertion: str) -> Identity:
        """The identity that `assertion` states; fetches the keys if that is due.

        Raises:
            InvalidAssertionError: It is not valid; answer 401.
            KeysUnavailableError: The gateway's keys could not be fetched; answer 503.
        """
        kid = key_id(assertion)
        if self.keys.is_due(kid):
            self.keys.refresh(kid)
        return self.verify_with_held_keys(assertion, kid)

    def verify_with_held_keys(self, assertion: str, kid: str) -> Identity:
        """The same without fetching; `kid` is what `key_id` read.

        Raises:
            InvalidAssertionError, KeysUnavailableError: As `verify`.
        """
        key = self.keys.find(kid)
        if key is None:
            raise InvalidAssertionError(f"unknown kid {kid!r}")
        return read_assertion(assertion, key, self._expected, int(self._clock()))


def verify_assertion(
    assertion: str, *, issuer: str, audience: str, jwks_url: str | None = None
) -> Identity:
    """The identity that `assertion` states, for a framework without a middleware here.

    The keys are cached for the next call.  Arguments and errors are those of `Verifier`.

    Raises:
        InvalidAssertionError: It is not valid; answer 401.
        KeysUnavailableError: The gateway's keys could not be fetched; answer 503.
    """
    return _verifier(issuer, audience, jwks_url).verify(assertion)


@lru_cache(maxsize=32)
def _verifier(issuer: str, audience: str, jwks_url: str | None) -> Verifier:
    return Verifier(issuer=issuer, audience=audience, jwks_url=jwks_url)
