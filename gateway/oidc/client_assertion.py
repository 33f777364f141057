"""A client assertion that somebody else makes, and keeps fresh in a file (RFC 7523)."""

from pathlib import Path

from gateway.errors import ProviderUnavailableError
from gateway.oidc.numbers import finite
from gateway.oidc.tokens import MAX_TOKEN_BYTES, BadTokenError, peek_claims


def read_assertion(file: Path, now: float) -> str:
    """The assertion in `file`, which is read at each use: Kubernetes and others replace it.

    The provider verifies it.  One that has expired is not sent, because the provider's refusal
    would blame the client.

    Raises:
        ProviderUnavailableError: it cannot be read, is no JWT, or has expired.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_TOKEN_BYTES + 1)
    except OSError as error:
        raise _unusable(file, f"cannot be read: {error.strerror}") from error
    try:
        assertion = content.decode("ascii").strip()
        expires_at = finite(peek_claims(assertion).get("exp"))
    except (UnicodeDecodeError, BadTokenError) as error:
        # Whatever is in the file may be a secret, and is not quoted.
        raise _unusable(file, "is not a signed JWT") from error
    # RFC 7523, section 3: it must have a time of expiry.
    if expires_at is None:
        raise _unusable(file, "has a token without exp")
    if expires_at <= now:
        raise _unusable(file, f"has a token that expired {now - expires_at:.0f} s ago")
    return assertion


def _unusable(file: Path, problem: str) -> ProviderUnavailableError:
    return ProviderUnavailableError(f"client_assertion_file: {str(file)!r} {problem}")
