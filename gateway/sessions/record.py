"""The stored form of a session, and which keys open which part of it.

It has three parts, sealed separately.  The *body* has identity and tokens, and opens only with the
cookie's key and the server's secret together, so a copy of the store shows no token.  The *info*
has what listings need.  The *refresh token* is stored a second time, so that it can be revoked when
a session ends without its cookie.  Both open with the server's secret alone.
"""

import binascii
import json
from base64 import urlsafe_b64decode
from dataclasses import asdict, dataclass, replace

from gateway.sealing.sealer import Sealer, structured
from gateway.sessions.session import Session, decode_session, encode_session
from gateway.sessions.ticket import Ticket, storage_key

# The first byte of a record is the version of its format.
_VERSION = b"\x01"
_LENGTH_BYTES = 4
_PARTS = 3

BROWSER, TOKEN = "browser", "token"

_BODY, _INFO, _REFRESH = "session", "session-info", "session-refresh-token"


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """The facts about a session that need no cookie.  Times are seconds since the epoch.

    Attributes:
        kind: ``browser`` or ``token``.
        last_seen_at: May lag by up to a minute.
        provider_sid: The provider's ``sid``, if it gave one.
        client: The app's name in the configuration; None for a browser.
        signed_with: The algorithm of the ID token, which is the one the provider is configured to
            use; None if there is no ID token.
    """

    session_id: str
    kind: str
    user: str
    issuer: str
    subject: str
    provider: str
    provider_sid: str | None
    created_at: float
    last_seen_at: float
    ip: str
    device: str
    client: str | None = None
    signed_with: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The three sealed parts as stored; `refresh_token` is empty if there is none."""

    body: bytes
    info: bytes
    refresh_token: bytes

    def pack(self) -> bytes:
        """The bytes to store."""
        return _VERSION + structured(self.body, self.info, self.refresh_token)


def unpack(data: bytes | None) -> Record | None:
    """The parts of a stored record; None if absent, incomplete or of another version."""
    if data is None or data[:1] != _VERSION:
        return None
    parts, position = [], 1
    for _ in range(_PARTS):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        parts.append(data[start:position])
    return Record(*parts) if position == len(data) else None


def describe(session: Session) -> SessionInfo:
    """The part of a session that listings show."""
    return SessionInfo(
        session_id=session.session_id,
        kind=BROWSER if session.client is None else TOKEN,
        user=session.identity.user,
        issuer=session.identity.issuer,
        subject=session.identity.subject,
        provider=session.provider,
        provider_sid=session.provider_sid,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        ip=session.ip,
        device=session.device,
        client=session.client,
        signed_with=_algorithm(session.tokens.id_token),
    )


def _algorithm(id_token: str | None) -> str | None:
    """The algorithm in the header of an ID token that was verified before."""
    header = (id_token or "").partition(".")[0]
    try:
        found = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    algorithm = found.get("alg") if isinstance(found, dict) else None
    return algorithm if isinstance(algorithm, str) else None


def seal_session(sealer: Sealer, ticket: Ticket, session: Session) -> Record:
    """Seal the whole session for the holder of `ticket`."""
    context = storage_key(session.session_id).encode()
    refresh_token = session.tokens.refresh_token
    return Record(
        body=sealer.seal(_BODY, encode_session(session), context=context, extra_key=ticket.key),
        info=_seal_info(sealer, describe(session)),
        refresh_token=b""
        if refresh_token is None
        else sealer.seal(_REFRESH, refresh_token.encode("utf-8", "surrogatepass"), context=context),
    )


def open_session(sealer: Sealer, ticket: Ticket, record: Record | None) -> Session | None:
    """The session; None if there is no record or `ticket` does not open it."""
    if record is None:
        return None
    context = storage_key(ticket.session_id).encode()
    body = sealer.open_sealed(_BODY, record.body, context=context, extra_key=ticket.key)
    session = None if body is None else decode_session(body)
    info = open_info(sealer, ticket.session_id, record)
    if session is None or info is None or session.session_id != ticket.session_id:
        return None
    return replace(session, last_seen_at=info.last_seen_at)


def open_info(sealer: Sealer, session_id: str, record: Record | None) -> SessionInfo | None:
    """The facts that need no cookie; None if there is no record or it cannot be read."""
    if record is None:
        return None
    context = storage_key(session_id).encode()
    data = sealer.open_sealed(_INFO, record.info, context=context)
    if data is None:
        return None
    try:
        return SessionInfo(**json.loads(data))
    except (ValueError, TypeError):
        return None


def open_refresh_token(sealer: Sealer, session_id: str, record: Record | None) -> str | None:
    """The refresh token, for revocation; None if there is none or it cannot be read."""
    if record is None:
        return None
    context = storage_key(session_id).encode()
    token = sealer.open_sealed(_REFRESH, record.refresh_token, context=context)
    return None if token is None else token.decode("utf-8", "surrogatepass")


def touched(sealer: Sealer, info: SessionInfo, record: Record, last_seen_at: float) -> Record:
    """The record with a new time of last use; the sealed body is unchanged."""
    return replace(record, info=_seal_info(sealer, replace(info, last_seen_at=last_seen_at)))


def _seal_info(sealer: Sealer, info: SessionInfo) -> bytes:
    context = storage_key(info.session_id).encode()
    return sealer.seal(_INFO, json.dumps(asdict(info)).encode(), context=context)


def index_names(sealer: Sealer, info: SessionInfo) -> tuple[str, ...]:
    """The record's indexes; their names are keyed digests, so the store reveals no user names."""
    names = [EVERY_SESSION, user_indexes(sealer, info.user)[0]]
    names.append(subject_indexes(sealer, info.issuer, info.subject)[0])
    if info.provider_sid is not None:
        names.append(sid_indexes(sealer, info.issuer, info.provider_sid)[0])
    return tuple(names)


# The index of all sessions.
EVERY_SESSION = "sessions"


def user_indexes(sealer: Sealer, user: str) -> tuple[str, ...]:
    """The indexes for the sessions of `user`: under the newest secret, then under older ones."""
    return _indexes(sealer, "user", user)


def subject_indexes(sealer: Sealer, issuer: str, subject: str) -> tuple[str, ...]:
    """The indexes for the sessions of the issuer's `subject`, newest secret first."""
    return _indexes(sealer, "subject", issuer, subject)


def sid_indexes(sealer: Sealer, issuer: str, provider_sid: str) -> tuple[str, ...]:
    """The indexes for the sessions under the provider's `sid`, newest secret first."""
    return _indexes(sealer, "sid", issuer, provider_sid)


def _indexes(sealer: Sealer, kind: str, *parts: str) -> tuple[str, ...]:
    digests = sealer.digests(f"session-index-{kind}", *parts)
    return tuple(f"session-{kind}:{digest}" for digest in digests)
