"""When a session is refreshed, the possible outcomes, and what follows from each.  Pure."""

from dataclasses import dataclass, field, replace

from gateway.model import Identity
from gateway.sessions.session import ProviderTokens, Session, with_tokens

NEVER = float("inf")
# Refresh this long before the access token expires, so that no request waits: a minute, or a fifth
# of a short lifetime.
_AHEAD_S = 60.0
_AHEAD_SHARE = 0.2
# RFC 6749, section 5.1, recommends `expires_in` and does not require it.
_ASSUMED_LIFETIME_S = 3600.0
# A provider whose tokens expire at once must not be asked on every request.
_LEAST_S = 1.0
_FIRST_PAUSE_S = 5.0
_LONGEST_PAUSE_S = 300.0


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The provider confirmed the person, with these facts and tokens."""

    identity: Identity
    tokens: ProviderTokens = field(repr=False)
    provider_sid: str | None = None


@dataclass(frozen=True, slots=True)
class Over:
    """The provider no longer confirms the person: the session ends."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing was learned: the session goes on within its limits, and the provider is asked later.

    Attributes:
        provider_fails: Whether refreshes of other sessions would fail too.
    """

    reason: str
    provider_fails: bool = True


RefreshOutcome = Refreshed | Over | Later


def due_at(tokens: ProviderTokens) -> float:
    """When to ask the provider again; never if there is no refresh token."""
    if tokens.refresh_token is None:
        return NEVER
    issued_at, expires_at = tokens.access_issued_at, tokens.access_expires_at
    if expires_at is None:
        return NEVER if issued_at is None else issued_at + _ASSUMED_LIFETIME_S
    if issued_at is None:
        return expires_at - _AHEAD_S
    lifetime_s = max(0.0, expires_at - issued_at)
    ahead_s = min(_AHEAD_S, lifetime_s * _AHEAD_SHARE)
    return max(expires_at - ahead_s, issued_at + _LEAST_S)


def has_lapsed(tokens: ProviderTokens, now: float) -> bool:
    """Whether the access token has expired at `now`; the last instant is already too late."""
    return tokens.access_expires_at is not None and now >= tokens.access_expires_at


def successor(session: Session, outcome: Refreshed, now: float) -> Session:
    """`session` with what the provider said at `now`.

    Values that the provider left out are kept: it is normal to get no new refresh token, ID token
    or ``sid`` (RFC 6749, section 6; OpenID Connect Core 1.0, section 12.2).  The user and account
    were settled at sign-in and are kept too: a changed `user` counts from the next sign-in on.
    """
    before, after = session.as_proven, outcome.identity
    identity = replace(
        after,
        user=before.user,
        account_id=before.account_id,
        external_id=before.external_id,
        expires_at=before.expires_at,
    )
    tokens = replace(
        outcome.tokens,
        refresh_token=outcome.tokens.refresh_token or session.tokens.refresh_token,
        id_token=outcome.tokens.id_token or session.tokens.id_token,
        access_issued_at=now,
    )
    sid = session.provider_sid if outcome.provider_sid is None else outcome.provider_sid
    return with_tokens(replace(session, provider_sid=sid), identity, tokens)


def pause_s(failures: int) -> float:
    """How long to wait after this many failures in a row, including the last one."""
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
