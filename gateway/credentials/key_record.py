"""The record of an API key in the store: its digest, its owner, what it may do.  Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from gateway.accounts.owner import fold_user
from gateway.model import Identity
from gateway.sealing.sealer import Sealer

_VERSION = 1
# The index of all keys.
EVERY_KEY = "api-keys"


@dataclass(frozen=True, slots=True)
class Owner:
    """The owner of a key.

    Attributes:
        user: The user name when the key was created.
        account_id: None if the owner never signed in and is only a name.
    """

    user: str
    subject: str
    issuer: str
    account_id: str | None = None

    @classmethod
    def of(cls, identity: Identity) -> "Owner":
        """`identity` as an owner."""
        return cls(identity.user, identity.subject, identity.issuer, identity.account_id)

    def alone(self) -> Identity:
        """The identity of an owner without an account."""
        return Identity(self.user, self.subject, self.issuer, "api_key")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One API key.  Times are whole seconds since the epoch.

    Attributes:
        key_id: Its public name.
        digest: SHA-256 of the key.
        name: The name its owner chose.
        scopes: Its scopes, for routes that ask for one.
        routes: Names of the routes it may use; empty for all.
        expires_at: It is refused from this second on.
        last_used_at: May lag by a minute; None until the first use is written.
    """

    key_id: str
    digest: bytes = field(repr=False)
    name: str
    owner: Owner
    scopes: tuple[str, ...]
    routes: tuple[str, ...]
    created_at: int
    expires_at: int
    last_used_at: int | None = None

    def speaks_for(self, owner: Identity) -> Identity:
        """The identity that this key proves, given its owner's."""
        return replace(
            owner,
            credential="api_key",
            scopes=frozenset(self.scopes),
            routes=frozenset(self.routes) or None,
            key_id=self.key_id,
            expires_at=self.expires_at,
        )


def encode_record(record: KeyRecord) -> bytes:
    """The serialized form of `record`.

    Uses the standard library's JSON, because a user name from a provider may hold a lone
    surrogate, which is legal in JSON and which orjson refuses.
    """
    own = {f.name: getattr(record, f.name) for f in fields(KeyRecord) if f.name != "owner"}
    own["digest"] = record.digest.hex()
    whole = {"version": _VERSION, "key": own, "owner": asdict(record.owner)}
    return json.dumps(whole, separators=(",", ":")).encode()


def decode_record(data: bytes) -> KeyRecord | None:
    """The record serialized in `data`; None if this version cannot read it."""
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


def _owner(written: Mapping[str, Any]) -> Owner:
    account_id = written["account_id"]
    return Owner(written["user"], written["subject"], written["issuer"], account_id)


def newest_first(records: Iterable[KeyRecord]) -> list[KeyRecord]:
    """`records`, most recently created first."""
    return sorted(records, key=lambda it: (it.created_at, it.key_id), reverse=True)


def store_key(key_id: str) -> str:
    """The record's key in the store."""
    return f"api-key:{key_id}"


def owner_indexes(sealer: Sealer, owner: Owner) -> list[str]:
    """The indexes that list an owner's keys: by subject, by user name and by account."""
    by_subject = sealer.digests("api-key-subject", owner.issuer, owner.subject)[0]
    indexes = [f"api-key-subject:{by_subject}", user_index(sealer, owner.user)]
    if owner.account_id is not None:
        indexes.append(account_index(sealer, owner.account_id))
    return indexes


def account_index(sealer: Sealer, account_id: str) -> str:
    """The index that lists an account's keys."""
    return f"api-key-account:{sealer.digests('api-key-account', account_id)[0]}"


def user_index(sealer: Sealer, user: str) -> str:
    """The index that lists the keys of a user name, in any spelling."""
    return f"api-key-user:{sealer.digests('api-key-user', fold_user(user))[0]}"
