"""Which clients a person lets act for them, and for what."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from gateway.model import Identity
from gateway.sealing.sealer import Sealer, structured
from gateway.storage.store import Clock, Store

_PURPOSE = "consent"
_EVERY = "consents"


@dataclass(frozen=True, slots=True)
class Consent:
    """One person's consent to one client.

    Attributes:
        person: Names the person; see `person_of`.
        user: What the person was called.
        name: The client's name when the person was asked.
        resources: What the client may use; empty for the gateway as a whole.
        given_at: Seconds since the epoch.
    """

    person: str
    user: str
    client: str
    name: str
    scopes: frozenset[str]
    resources: tuple[str, ...]
    given_at: float

    def covers(self, scopes: frozenset[str], resources: tuple[str, ...]) -> bool:
        """Whether it allows these scopes at these resources."""
        # No resource stands for the gateway as a whole, which no consent to some of them covers.
        if bool(resources) != bool(self.resources):
            return False
        return scopes <= self.scopes and set(resources) <= set(self.resources)


def person_of(identity: Identity) -> str:
    """The person behind `identity`: their account, or else their subject at the issuer."""
    if identity.account_id is not None:
        parts = ["account", identity.account_id]
    else:
        parts = ["subject", identity.issuer, identity.subject]
    named = structured(*(part.encode("utf-8", "surrogatepass") for part in parts))
    return sha256(named).hexdigest()


class Consents:
    """Consents in the store."""

    def __init__(
        self, store: Store, sealer: Callable[[], Sealer], clock: Clock, kept_s: Callable[[], float]
    ) -> None:
        """Forget a consent `kept_s` seconds after it was given."""
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._kept_s = kept_s

    async def find(self, person: str, client: str) -> Consent | None:
        """The person's consent to the client, if any.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        key = _key(person, client)
        return self._read(key, await self._store.get(key))

    async def give(
        self,
        identity: Identity,
        client: str,
        name: str,
        scopes: frozenset[str],
        resources: tuple[str, ...],
    ) -> None:
        """Note a person's consent, in addition to what they allowed the client before.

        Raises:
            StoreUnavailableError: It could not be stored.
        """
        person = person_of(identity)
        before = await self.find(person, client)
        if before is not None and bool(before.resources) == bool(resources):
            scopes |= before.scopes
            resources = tuple(dict.fromkeys((*before.resources, *resources)))
        written = json.dumps(
            {
                "person": person,
                "user": identity.user,
                "client": client,
                "name": name,
                "scopes": sorted(scopes),
                "resources": resources,
                "given_at": self._clock(),
            }
        ).encode()
        key = _key(person, client)
        sealed = self._sealer().seal(_PURPOSE, written, context=key.encode())
        indexes = (_EVERY, _of_person(person), _of_client(client))
        await self._store.put(key, sealed, ttl_s=self._kept_s(), indexes=indexes)

    async def withdraw(self, person: str, client: str) -> None:
        """Forget the person's consent to the client.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        await self._store.delete(_key(person, client))

    async def of(self, person: str) -> list[Consent]:
        """The person's consents, newest first."""
        return self._all(await self._store.find(_of_person(person)))

    async def to(self, client: str) -> list[Consent]:
        """All consents to the client, newest first."""
        return self._all(await self._store.find(_of_client(client)))

    async def every(self) -> list[Consent]:
        """All consents, newest first."""
        return self._all(await self._store.find(_EVERY))

    def _all(self, found: list[tuple[str, bytes]]) -> list[Consent]:
        read = (self._read(key, data) for key, data in found)
        consents = [it for it in read if it is not None]
        return sorted(consents, key=lambda it: it.given_at, reverse=True)

    def _read(self, key: str, data: bytes | None) -> Consent | None:
        if data is None:
            return None
        opened = self._sealer().open_sealed(_PURPOSE, data, context=key.encode())
        if opened is None:
            return None
        written = json.loads(opened)
        scopes, resources = frozenset(written.pop("scopes")), tuple(written.pop("resources"))
        return Consent(scopes=scopes, resources=resources, **written)


def _key(person: str, client: str) -> str:
    return f"consent:{person}:{_digest(client)}"


def _of_person(person: str) -> str:
    return f"consents-of:{person}"


def _of_client(client: str) -> str:
    return f"consents-to:{_digest(client)}"


def _digest(client: str) -> str:
    return sha256(client.encode("utf-8", "surrogatepass")).hexdigest()
