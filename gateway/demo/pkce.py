"""What an app makes for a sign-in with a code and a challenge (RFC 7636)."""

import base64
import hashlib
import secrets


def challenge(verifier: str) -> str:
    """The challenge of `verifier`, by the method S256."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def new_secret() -> str:
    """A verifier, or a state."""
    return secrets.token_urlsafe(32)
