"""What the store holds of an API key: its digest, whose it is and what it may do.  Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from gateway.model import Identity

_VERSION = 1

# What a key says of its owner; the rest of an identity is about one sign-in.
_OWNER = (
    "user",
    "subject",
    "issuer",
    "provider",
    "email",
    "name",
    "groups",
    "roles",
    "account_id",
    "external_id",
    "claims",
    "unreadable",
)
_TUPLES = frozenset({"groups", "roles"})


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One API key.  Times are whole seconds since the epoch.

    Attributes:
        key_id: Names it everywhere; no secret.
        digest: SHA-256 of the key.
        name: What its owner calls it.
        owner: Whose it is, as known when it was made; complete as requests are judged by it.
        scopes: What it may do, where routes ask for a scope.
        routes: Names of the routes it may use; empty for all.
        expires_at: From this second on it is not taken.
        last_used_at: May lag behind by a minute; None before the first use was written.
    """

    key_id: str
    digest: bytes = field(repr=False)
    name: str
    owner: Identity
    scopes: tuple[str, ...]
    routes: tuple[str, ...]
    created_at: int
    expires_at: int
    last_used_at: int | None = None

    def identity(self) -> Identity:
        """Who is asking with this key."""
        return replace(
            self.owner,
            credential="api_key",
            scopes=frozenset(self.scopes),
            routes=frozenset(self.routes) or None,
            key_id=self.key_id,
            expires_at=self.expires_at,
        )


def owner_of(identity: Identity) -> Identity:
    """What of `identity` its keys say: nothing about one sign-in, no token."""
    kept = {name: getattr(identity, name) for name in _OWNER}
    return Identity(credential="api_key", **kept)


def encode_record(record: KeyRecord) -> bytes:
    """The written form.

    The standard library's JSON, because claims are the provider's: an integer over 64 bits or a
    lone surrogate, both legal JSON, must not make a key fail.
    """
    owner = {name: _plain(getattr(record.owner, name)) for name in _OWNER}
    own = {f.name: getattr(record, f.name) for f in fields(KeyRecord) if f.name != "owner"}
    own["digest"] = record.digest.hex()
    whole = {"version": _VERSION, "key": own, "owner": owner}
    return json.dumps(whole, separators=(",", ":")).encode()


def decode_record(data: bytes) -> KeyRecord | None:
    """The record written in `data`; None when that is none this version can read."""
    try:
        whole = json.loads(data)
        if whole["version"] != _VERSION:
            return None
        own: dict[str, Any] = dict(whole["key"])
        own["digest"] = bytes.fromhex(own["digest"])
        own["scopes"], own["routes"] = tuple(own["scopes"]), tuple(own["routes"])
        if not isinstance(own["expires_at"], int):
            return None
        return KeyRecord(owner=_owner(whole["owner"]), **own)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _owner(written: Mapping[str, Any]) -> Identity:
    rich = {name: value for name, value in written.items() if value is not None}
    for name in _TUPLES & rich.keys():
        rich[name] = tuple(rich[name])
    rich["unreadable"] = frozenset(rich.get("unreadable", ()))
    return Identity(credential="api_key", **rich)


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else value


def newest_first(records: Iterable[KeyRecord]) -> list[KeyRecord]:
    """The records, the one made last first."""
    return sorted(records, key=lambda it: (it.created_at, it.key_id), reverse=True)
