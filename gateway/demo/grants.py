"""The provider's records: who is signed in, and what it has issued to clients."""

import secrets
from dataclasses import dataclass, field

from gateway.demo.clients import Client, OAuthError
from gateway.demo.people import Person

CODE_TTL_S = 60
ACCESS_TTL_S = 300
REFRESH_TTL_S = 30 * 86400


@dataclass(frozen=True, slots=True)
class Login:
    """A browser signed in at the provider."""

    sid: str
    person: Person
    auth_time: int
    acr: str | None = None
    amr: tuple[str, ...] = ()


@dataclass(slots=True)
class Grant:
    """What one sign-in at one client allows; revoking it ends everything issued under it."""

    client: Client
    login: Login
    scopes: frozenset[str]
    nonce: str | None
    is_revoked: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code not yet redeemed."""

    grant: Grant
    redirect_uri: str
    challenge: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Token:
    """An access or refresh token that was issued."""

    grant: Grant
    expires_at: float
    scopes: frozenset[str]


@dataclass(slots=True)
class Grants:
    """All codes and tokens, in memory."""

    codes: dict[str, Code] = field(default_factory=dict)
    spent: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, Token] = field(default_factory=dict)

    def add_code(self, grant: Grant, redirect_uri: str, challenge: str, now: float) -> str:
        """A new code, valid once within a minute."""
        code = secrets.token_urlsafe(24)
        self.codes[code] = Code(grant, redirect_uri, challenge, now + CODE_TTL_S)
        return code

    def redeem_code(self, code: str, client: Client, now: float) -> Code:
        """Redeem a code and return its record; redeeming it twice revokes its whole grant.

        Raises:
            OAuthError: ``invalid_grant``: unknown, used, expired, or another client's.
        """
        self._refuse_spent(code)
        record = self.codes.pop(code, None)
        if record is None or record.grant.client != client:
            raise OAuthError("invalid_grant", "the code is unknown or another client's")
        self.spent[code] = record.grant
        if now >= record.expires_at:
            raise OAuthError("invalid_grant", "the code has expired")
        return record

    def add_access(self, value: str, grant: Grant, scopes: frozenset[str], now: float) -> None:
        """Record an access token."""
        self.access[value] = Token(grant, now + ACCESS_TTL_S, scopes)

    def add_refresh(self, grant: Grant, now: float) -> str:
        """A new refresh token."""
        value = secrets.token_urlsafe(32)
        self.refresh[value] = Token(grant, now + REFRESH_TTL_S, grant.scopes)
        return value

    def rotate_refresh(self, value: str, client: Client, now: float) -> Grant:
        """Use up a refresh token and return its grant (RFC 9700, section 4.14.2).

        Raises:
            OAuthError: ``invalid_grant``: unknown, used (revokes the grant), expired or revoked.
        """
        self._refuse_spent(value)
        token = self.refresh.get(value)
        if token is None or token.grant.client != client:
            raise OAuthError("invalid_grant", "the refresh token is unknown or another client's")
        del self.refresh[value]
        self.spent[value] = token.grant
        if now >= token.expires_at or token.grant.is_revoked:
            raise OAuthError("invalid_grant", "the refresh token has expired or was revoked")
        return token.grant

    def live_access(self, value: str, now: float) -> Token | None:
        """The access token's record while it is valid, else None."""
        return _live(self.access.get(value), now)

    def live_refresh(self, value: str, now: float) -> Token | None:
        """The refresh token's record while it is valid, else None."""
        return _live(self.refresh.get(value), now)

    def revoke(self, value: str, client: Client) -> None:
        """Revoke a token; a refresh token's whole grant, but only the access token itself."""
        token = self.refresh.get(value)
        if token is not None and token.grant.client == client:
            token.grant.is_revoked = True
        found = self.access.get(value)
        if found is not None and found.grant.client == client:
            del self.access[value]

    def _refuse_spent(self, value: str) -> None:
        grant = self.spent.get(value)
        if grant is not None:
            grant.is_revoked = True
            raise OAuthError("invalid_grant", "it was already used; the whole grant is revoked")


def _live(token: Token | None, now: float) -> Token | None:
    if token is None or token.grant.is_revoked or now >= token.expires_at:
        return None
    return token
