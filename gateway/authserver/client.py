"""A client of the authorization server (RFC 6749, section 2), wherever it is registered."""

import hmac
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Literal
from urllib.parse import urlsplit

from gateway.oidc.keys import VerificationKey
from gateway.settings.tokens import is_loopback_redirect

# Where a client is registered: in the configuration, by its metadata document, or by `register`.
Origin = Literal["file", "document", "registered"]


@dataclass(frozen=True, slots=True)
class Client:
    """One client.

    Attributes:
        client_id: What it calls itself; sessions and consents are kept under it.
        name: What people are shown.
        redirect_uris: Compared character by character, loopback ports aside.
        scopes: Those it may ask for; empty for the usual ones and those that rules name.
        secret_digest: SHA-256 of its secret; None if it has none.
        keys: What it proves itself with instead of a secret (RFC 7523); empty if it has none.
        signs_with: The algorithm that signs its ID tokens and logout tokens.
        post_logout_redirect_uris: Where people may go on to after a sign-out.
        backchannel_logout_uri: Where it is told of sign-outs.
        asks_for_consent: Whether people are asked before it acts for them.
        is_asked_every_time: Whether they are asked again each time: anybody on their machine can
            say to be this client (RFC 8252, section 8.6).
        may_use_devices: Whether people may sign in for it on another device (RFC 8628).
    """

    client_id: str
    name: str
    redirect_uris: tuple[str, ...]
    origin: Origin = "file"
    scopes: frozenset[str] = frozenset()
    secret_digest: bytes | None = field(default=None, repr=False)
    keys: tuple[VerificationKey, ...] = ()
    asks_for_consent: bool = True
    is_asked_every_time: bool = False
    may_use_devices: bool = False
    signs_with: str = "ES256"
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to prove itself with."""
        return self.secret_digest is None and not self.keys

    @property
    def host(self) -> str:
        """The host that vouches for it; ``""`` if nobody but itself does."""
        return urlsplit(self.client_id).hostname or "" if self.origin == "document" else ""

    def named(self, name: str) -> "Client":
        """The same client with another name."""
        return replace(self, name=name)

    def has_secret(self, secret: str) -> bool:
        """Whether `secret` is its own."""
        if self.secret_digest is None:
            return False
        return hmac.compare_digest(digest_of(secret), self.secret_digest)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def shown_redirect(uri: str) -> str:
    """Where a redirect leads, for people: the host, or the scheme of an app."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def is_on_own_machine(uri: str) -> bool:
    """Whether `uri` leads to whatever app listens on the person's own machine."""
    return is_loopback_redirect(urlsplit(uri))
