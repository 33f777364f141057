"""The provider's keys, generated at startup, and the JWTs signed with them."""

import base64
import hashlib
from collections.abc import Mapping

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

ALGORITHMS = ("RS256", "ES256")


class Keys:
    """One RSA key and one P-256 key, which exist only as long as the process."""

    def __init__(self) -> None:
        rsa = RSAKey.generate_key(
            2048, {"kid": "development-rsa", "use": "sig", "alg": "RS256"}, auto_kid=False
        )
        ec = ECKey.generate_key(
            "P-256", {"kid": "development-ec", "use": "sig", "alg": "ES256"}, auto_kid=False
        )
        self._by_algorithm: dict[str, RSAKey | ECKey] = {"RS256": rsa, "ES256": ec}
        self._set = KeySet([rsa, ec])

    def public(self) -> dict[str, object]:
        """The JWK Set (RFC 7517, section 5) without private keys."""
        return dict(self._set.as_dict(private=False))

    def sign(self, claims: Mapping[str, object], algorithm: str, typ: str = "JWT") -> str:
        """`claims` as a JWT in compact form."""
        key = self._by_algorithm[algorithm]
        header = {"alg": algorithm, "kid": key.kid, "typ": typ}
        return jwt.encode(header, dict(claims), key)

    def read(self, token: str) -> dict[str, object] | None:
        """The claims of a JWT signed with these keys, expired or not; otherwise None."""
        try:
            return dict(jwt.decode(token, self._set, algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError):
            return None


def half_hash(value: str) -> str:
    """The `at_hash` or `c_hash` of `value` (OIDC Core 1.0, section 3.1.3.6), with SHA-256."""
    digest = hashlib.sha256(value.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def s256_challenge(verifier: str) -> str:
    """The S256 code challenge for `verifier` (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
