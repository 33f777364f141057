"""What a person granted to a client; kept with the code until it is redeemed."""

import base64
import json
import re
from dataclasses import dataclass, field, replace
from hashlib import sha256

from gateway.sessions.session import ProviderTokens, Session, decode_session, encode_session

# RFC 7636, section 4.1.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
# SHA-256 in base64url without padding (section 4.2).
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")

OFFLINE = "offline_access"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for.  Times are seconds since the epoch.

    Attributes:
        client: The client's id.
        redirect_uri: Where the code was sent.
        challenge: The code challenge, made with S256 (RFC 7636).
        session: The browser's session, without the provider's tokens.
        resources: What the tokens are for; empty for the gateway as a whole.
        routes: Names of the MCP routes among them; None if there are none.
        nonce: For the ID token.
        issuer: Whom the client asked: ``iss`` of the ID token.
    """

    client: str
    redirect_uri: str
    challenge: str = field(repr=False)
    session: Session
    scopes: frozenset[str]
    resources: tuple[str, ...]
    routes: frozenset[str] | None
    nonce: str | None
    issued_at: float
    issuer: str

    @property
    def provider_sid(self) -> str | None:
        """The provider's session that ends the tokens too; none if they are for later use.

        As OpenID Connect Back-Channel Logout 1.0, section 2.7, has it for refresh tokens.
        """
        return None if OFFLINE in self.scopes else self.session.provider_sid


def is_challenge(text: str) -> bool:
    """Whether `text` has the form of a code challenge of the method S256."""
    return _CHALLENGE.fullmatch(text) is not None


def is_verifier(text: str) -> bool:
    """Whether `text` has the form of a code verifier (RFC 7636, section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def proves(verifier: str, challenge: str) -> bool:
    """Whether `verifier` is the one that `challenge` was made from (RFC 7636, section 4.6)."""
    if not is_verifier(verifier):
        return False
    digest = sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def encode_grant(grant: Grant) -> bytes:
    """The serialized form of `grant`."""
    session = encode_session(replace(grant.session, tokens=ProviderTokens()))
    return json.dumps(
        {
            "client": grant.client,
            "redirect_uri": grant.redirect_uri,
            "challenge": grant.challenge,
            "session": session.decode(),
            "scopes": sorted(grant.scopes),
            "resources": grant.resources,
            "routes": None if grant.routes is None else sorted(grant.routes),
            "nonce": grant.nonce,
            "issued_at": grant.issued_at,
            "issuer": grant.issuer,
        }
    ).encode()


def decode_grant(data: bytes) -> Grant | None:
    """The grant serialized in `data`; None if this version cannot read it."""
    try:
        written = json.loads(data)
        session = decode_session(written["session"].encode())
        if session is None:
            return None
        return Grant(
            client=written["client"],
            redirect_uri=written["redirect_uri"],
            challenge=written["challenge"],
            session=session,
            scopes=frozenset(written["scopes"]),
            resources=tuple(written["resources"]),
            routes=None if written["routes"] is None else frozenset(written["routes"]),
            nonce=written["nonce"],
            issued_at=float(written["issued_at"]),
            issuer=written["issuer"],
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
