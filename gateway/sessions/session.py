"""The rules of a session and its serialized form; no clock, no store, no cookie."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from gateway.kinds import LOCAL
from gateway.model import AccountFacts, Identity

Migration = Callable[[dict[str, Any]], dict[str, Any]]

VERSION = 1
# Version of the serialized form -> function that converts it to the next version.
_MIGRATIONS: Mapping[int, Migration] = {}

# These fields of the identity are derived from the session, so they are not written twice.
_DERIVED = frozenset(
    {
        "credential",
        "session_id",
        "client",
        "resources",
        "expires_at",
        "access_token",
        "id_token",
        "secrets",
    }
)
# Account data is read from the account.
_NOT_WRITTEN = frozenset({"identity", "tokens", "account", "proven"})
# Left out otherwise, so that an earlier version can still read the session.
_IF_SET = frozenset({"resources", "sign_in", "sign_in_issuer"})
_TUPLES = frozenset({"groups", "roles", "amr"})
_SETS = frozenset({"routes", "scopes", "unreadable"})
# The time of last use is written at most this often, or twenty times per idle timeout if shorter.
_TOUCH_S: Final = 60.0
_TOUCHES_IN_IDLE: Final = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session may live.

    Attributes:
        idle_s: Seconds without a request before it ends.
        absolute_s: Seconds from sign-in before it ends, however busy.
        max_per_user: Sessions that one person may have at once; 0 means no limit.
    """

    idle_s: float
    absolute_s: float
    max_per_user: int = 0

    def allow(self, created_at: float, last_seen_at: float, now: float) -> bool:
        """Whether a session with these times may still be used; the last instant is too late.

        If the clock is set back, times may be ahead of `now`, and no session ends.  They may not be
        ahead by `idle_s` or more, or a clock once wrong by years would make a session immortal.
        """
        idle = now - last_seen_at
        age = now - created_at
        ahead = -self.idle_s
        return ahead < idle < self.idle_s and ahead < age < self.absolute_s

    @property
    def touch_s(self) -> float:
        """How far the stored time of last use may lag, in seconds."""
        return min(_TOUCH_S, self.idle_s / _TOUCHES_IN_IDLE)


@dataclass(frozen=True, slots=True)
class ProviderTokens:
    """The tokens that the provider issued; each may be missing.

    Attributes:
        access_expires_at: When the access token expires, in seconds since the epoch.
        access_issued_at: When it was received.
    """

    access_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    access_expires_at: float | None = None
    access_issued_at: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser, or one app with tokens.  Times are seconds since the epoch.

    Attributes:
        session_id: Digest that identifies it in the store, in logs and in assertions.
        identity: Who signed in, including account data, as requests are judged by it.
        account: The account data in `identity`; None if all of it comes from the provider.
        proven: `identity` as the provider stated it, which is stored; None if the same.
        last_seen_at: When a request last used it; may lag by up to a minute.
        device: A short name from the User-Agent, or given by the app.
        provider_sid: The provider's ``sid`` (OIDC Back-Channel Logout 1.0, section 2.1).
        client: The client that has tokens for it; None for a browser.
        resources: What the client's tokens are for (RFC 8707); empty for the gateway as a whole.
        sign_in: The ``sid`` of the client's ID tokens; None if it came with no sign-in here.
        sign_in_issuer: The ``iss`` of its ID tokens.
    """

    session_id: str
    identity: Identity
    provider: str
    created_at: float
    last_seen_at: float
    device: str
    ip: str
    tokens: ProviderTokens = field(default=ProviderTokens(), repr=False)
    provider_sid: str | None = None
    client: str | None = None
    resources: tuple[str, ...] = ()
    sign_in: str | None = None
    sign_in_issuer: str | None = None
    account: AccountFacts | None = field(default=None, repr=False)
    proven: Identity | None = field(default=None, repr=False)

    @property
    def as_proven(self) -> Identity:
        """Who signed in, as the provider stated."""
        return self.identity if self.proven is None else self.proven

    @property
    def local_account_id(self) -> str | None:
        """The account that signed in locally; None if a provider's identity did."""
        return self.identity.account_id if self.provider == LOCAL else None

    @property
    def credential(self) -> str:
        """The kind of credential that proves it, as in `Identity.credential`."""
        return "session" if self.client is None else "token"


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a session: the device, the provider's session, and the app.

    Attributes:
        device: A short name, as returned by `device_name`.
        provider_sid: The provider's ``sid``, if it gave one.
        client: The client that will get tokens for it; None for a browser.
        resources: What its tokens are for; empty for the gateway as a whole.
        sign_in: See Session.
        sign_in_issuer: See Session.
    """

    ip: str
    device: str
    provider_sid: str | None
    client: str | None
    resources: tuple[str, ...] = ()
    sign_in: str | None = None
    sign_in_issuer: str | None = None


def new_session(
    session_id: str, identity: Identity, tokens: ProviderTokens, origin: Origin, now: float
) -> Session:
    """A session that begins at `now`, in seconds since the epoch, with its identity bound to it."""
    bare = Session(
        session_id=session_id,
        identity=identity,
        provider=identity.provider,
        created_at=now,
        last_seen_at=now,
        device=origin.device,
        ip=origin.ip,
        provider_sid=origin.provider_sid,
        client=origin.client,
        resources=origin.resources,
        sign_in=origin.sign_in,
        sign_in_issuer=origin.sign_in_issuer,
    )
    return with_tokens(bare, identity, replace(tokens, access_issued_at=now))


def with_tokens(session: Session, identity: Identity, tokens: ProviderTokens) -> Session:
    """The session with new facts and tokens from the provider; binds the identity to it."""
    bound = replace(
        identity,
        credential=session.credential,
        provider=session.provider,
        session_id=session.session_id,
        client=session.client,
        resources=session.resources,
        access_token=tokens.access_token,
        id_token=tokens.id_token,
    )
    return with_account(replace(session, identity=bound, tokens=tokens, proven=None))


def with_account(session: Session, facts: AccountFacts | None = None) -> Session:
    """The session with the account data `facts`; with None, the account data is unchanged."""
    facts = session.account if facts is None else facts
    if facts is None:
        return session
    proven = session.as_proven
    return replace(session, identity=facts.added_to(proven), account=facts, proven=proven)


def encode_session(session: Session) -> bytes:
    """Serialize the session.

    Uses the standard library's JSON, because claims come from the provider: integers over 64 bits
    and lone surrogates are legal JSON and must not make a sign-in fail.
    """
    identity = {
        name: _plain(value)
        for name in (f.name for f in fields(Identity) if f.name not in _DERIVED)
        if (value := getattr(session.as_proven, name)) is not None
    }
    record = {
        "version": VERSION,
        "identity": identity,
        "session": {
            f.name: getattr(session, f.name)
            for f in fields(Session)
            if f.name not in _NOT_WRITTEN and (f.name not in _IF_SET or getattr(session, f.name))
        },
        "tokens": {f.name: getattr(session.tokens, f.name) for f in fields(ProviderTokens)},
    }
    return json.dumps(record, separators=(",", ":")).encode()


def decode_session(
    data: bytes, migrations: Mapping[int, Migration] = _MIGRATIONS, version: int = VERSION
) -> Session | None:
    """The session serialized in `data`; None if this version cannot read it."""
    try:
        record = json.loads(data)
        while record["version"] < version:
            record = migrations[record["version"]](record)
        if record["version"] != version:
            return None
        tokens = ProviderTokens(**record["tokens"])
        identity = Identity(credential="session", **_rich(record["identity"]))
        about = record["session"]
        resources = tuple(about.pop("resources", ()))
        session = Session(identity=identity, resources=resources, **about)
        times = (session.created_at, session.last_seen_at)
        if not all(isinstance(time, float | int) for time in times):
            return None
        return with_tokens(session, identity, tokens)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else value


def _rich(fields_: dict[str, Any]) -> dict[str, Any]:
    rich = dict(fields_)
    for name in _TUPLES.intersection(rich):
        rich[name] = tuple(rich[name])
    for name in _SETS.intersection(rich):
        rich[name] = frozenset(rich[name])
    return rich
