"""API keys: in their own field, as a Bearer token, or as the password in Basic."""

import base64
import binascii
from collections.abc import Sequence
from functools import partial

from gateway.authn.authenticator import (
    NOT_PRESENTED,
    Authenticated,
    Authenticator,
    Outcome,
    Pending,
    Rejected,
)
from gateway.authn.combine import combine, settle
from gateway.authn.parts import Parts
from gateway.authn.unrecognised import AUTHORIZATION
from gateway.credentials.key_cache import CachedKey
from gateway.credentials.key_format import ApiKey, new_key, parse_key
from gateway.credentials.keys import ApiKeys
from gateway.credentials.shape import PREFIX
from gateway.credentials.token_format import PREFIXES
from gateway.message.fields import Fields, fold
from gateway.message.request import Request
from gateway.model import Identity
from gateway.settings.schema import ApiKeySettings, Settings

_KIND = "api_key"
_PREFIX = PREFIX.encode()
# Values with these prefixes are for the token authenticator.
_TOKENS = tuple(prefix.encode() for prefix in PREFIXES.values())
# Longer than any key, even with a user name before it in Basic.
_MAX_VALUE_BYTES = 4096

_REPEATED = Rejected("repeated-credential", "several API key fields", status=400, kind=_KIND)
_MALFORMED = Rejected("malformed-credential", "no API key, or its checksum is wrong", kind=_KIND)
_UNKNOWN = Rejected("unknown-key", kind=_KIND)
_EXPIRED = Rejected("key-expired", kind=_KIND)
# No detail, so that a flood adds no log line per request besides the audit line.
_THROTTLED = Rejected("credential-throttled", status=429, kind=_KIND)

Found = tuple[ApiKey, ...] | Rejected


class ApiKeyAuthenticator:
    """Looks up API keys by their digest; see Authenticator."""

    credential = _KIND
    cookies: frozenset[str] = frozenset()

    def __init__(self, keys: ApiKeys, settings: ApiKeySettings, issuer: str) -> None:
        """Accept the keys in `keys` and those in the file, whose users have the issuer `issuer`."""
        self._keys = keys
        self._header = settings.header.lower().encode()
        self._static = {
            bytes.fromhex(it.sha256): Identity(
                user=it.user,
                subject=it.user,
                issuer=issuer,
                credential=_KIND,
                scopes=frozenset(it.scopes),
                key_id=f"static:{it.name}",
                expires_at=it.expires_at,
            )
            for it in settings.static
        }
        self.fields = frozenset({fold(self._header)})

    def recognises(self, field: bytes, value: bytes) -> bool:
        """Whether the value holds ``gp_`` in the place of a key."""
        if field == self._header:
            return value.startswith(_PREFIX)
        return field == AUTHORIZATION and _in_authorization(value) is not None

    def judge(self, request: Request) -> Outcome | Pending:
        """See Authenticator.judge."""
        found = self._presented(request.fields)
        if not found:
            return NOT_PRESENTED
        if isinstance(found, Rejected):
            return found
        if len(found) == 1:
            return self._judge(found[0], request)
        outcomes = [self._judge(key, request) for key in found]
        known = [outcome for outcome in outcomes if not isinstance(outcome, Pending)]
        if len(known) == len(outcomes):
            return combine(known)
        return Pending(partial(_ask_several, outcomes))

    def _judge(self, key: ApiKey, request: Request) -> Outcome | Pending:
        now = request.received_at
        identity = self._static.get(key.digest)
        if identity is None:
            entry = self._keys.recall(key, now)
            if not isinstance(entry, CachedKey):
                return self._look_up(key, request, is_unknown=entry is None)
            identity = entry.identity
        return _EXPIRED if _is_over(identity, now) else Authenticated(identity)

    def _look_up(self, key: ApiKey, request: Request, *, is_unknown: bool) -> Outcome | Pending:
        # Checked first, so that an unknown key in a flood costs no store lookup.
        if is_unknown and self._keys.wrong.wait_s(request.client, request.received_at):
            return _THROTTLED
        return Pending(partial(self._ask, key, request, counts=is_unknown))

    async def _ask(self, key: ApiKey, request: Request, *, counts: bool) -> Outcome:
        now = request.received_at
        # Take the turn before the lookup, because many lookups may run at once.
        if counts and self._keys.wrong.take(request.client, now):
            return _THROTTLED
        with self._keys.wrong.weigh(request.client, counts=counts) as turn:
            entry = await self._keys.load(key, now)
            turn.is_bad = entry is None
        if entry is None:
            return _UNKNOWN
        return _EXPIRED if _is_over(entry.identity, now) else Authenticated(entry.identity)

    def _presented(self, fields: Fields) -> Found:
        """The keys in these fields, in order of precedence."""
        found: Found | None = fields.derived.get(self)
        if found is None:
            found = fields.derived[self] = self._read(fields)
        return found

    def _read(self, fields: Fields) -> Found:
        texts = [t for v in fields.all(AUTHORIZATION) if (t := _in_authorization(v)) is not None]
        own = fields.all(self._header)
        if len(own) > 1 or (texts and len(fields.all(AUTHORIZATION)) > 1):
            return _REPEATED
        texts += own
        keys = [_parse(text) for text in texts]
        known = [key for key in keys if key is not None]
        return tuple(dict.fromkeys(known)) if len(known) == len(keys) else _MALFORMED


async def _ask_several(outcomes: Sequence[Outcome | Pending]) -> Outcome:
    return combine([await settle(outcome) for outcome in outcomes])


def _is_over(identity: Identity, now: float) -> bool:
    return identity.expires_at is not None and now >= identity.expires_at


def _parse(text: bytes) -> ApiKey | None:
    return parse_key(text.decode("latin-1"))


def _in_authorization(value: bytes) -> bytes | None:
    """The API key in an Authorization value, or None if it holds none of ours.

    ``Bearer gp_…`` (RFC 6750, section 2.1), or ``Basic`` with any user name and the key as the
    password (RFC 7617, section 2).
    """
    if len(value) > _MAX_VALUE_BYTES:
        return None
    scheme, _, credential = value.partition(b" ")
    credential = credential.strip(b" ")
    scheme = scheme.lower()
    if scheme == b"basic":
        try:
            credential = base64.b64decode(credential, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return None
    elif scheme != b"bearer" or credential.startswith(_TOKENS):
        return None
    return credential if credential.startswith(_PREFIX) else None


def build(parts: Parts) -> Authenticator | None:
    """The authenticator for API keys, or None if the configuration accepts none."""
    settings, keys = parts.settings.api_keys, parts.keys
    if settings is None or keys is None:
        return None
    return ApiKeyAuthenticator(keys, settings, parts.settings.public_url[0])


def example(settings: Settings) -> str:
    """A field line with a key that was never issued."""
    return f"{key_field(settings).decode()}: {new_key(bytes)}"


def key_field(settings: Settings) -> bytes:
    """The lower-case name of the field for API keys, whether or not keys are accepted."""
    header = ApiKeySettings().header if settings.api_keys is None else settings.api_keys.header
    return header.lower().encode()
