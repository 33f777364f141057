"""A client of the authorization server (RFC 6749, section 2), wherever it is registered."""

import hmac
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

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
        scopes: Those it may ask for besides those that a resource names.
        secret: None if it is public.
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
    secret: str | None = field(default=None, repr=False)
    asks_for_consent: bool = True
    is_asked_every_time: bool = False
    may_use_devices: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it has nothing to prove itself with."""
        return self.secret is None

    @property
    def host(self) -> str:
        """The host that vouches for it; ``""`` if nobody but itself does."""
        return urlsplit(self.client_id).hostname or "" if self.origin == "document" else ""

    def has_secret(self, secret: str) -> bool:
        """Whether `secret` is its own."""
        if self.secret is None:
            return False
        given, known = (it.encode("utf-8", "surrogatepass") for it in (secret, self.secret))
        return hmac.compare_digest(given, known)


def shown_redirect(uri: str) -> str:
    """Where a redirect leads, for people: the host, or the scheme of an app."""
    parts = urlsplit(uri)
    return parts.netloc if parts.scheme in ("http", "https") else f"{parts.scheme}:"


def is_on_own_machine(uri: str) -> bool:
    """Whether `uri` leads to whatever app listens on the person's own machine."""
    return is_loopback_redirect(urlsplit(uri))
