"""Which clients a person lets act for them, and for what."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from gateway.model import Identity
from gateway.sealing.sealer import Sealer, structured
from gateway.storage.store import Clock, Store

# Names the gateway as a whole among the resources, which all have a URL.
WHOLE = ""
_PURPOSE = "consent"
_EVERY = "consents"
_PREFIX = "consent:"


@dataclass(frozen=True, slots=True)
class Consent:
    """One person's consent to one client.

    Attributes:
        person: Names the person; see `person_of`.
        user: What the person was called.
        name: The client's name when the person was asked.
        allowed: The scopes that they allowed at each resource; `WHOLE` for the gateway as a whole.
        given_at: Seconds since the epoch.
    """

    person: str
    user: str
    client: str
    name: str
    allowed: Mapping[str, frozenset[str]]
    given_at: float

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that it allows anywhere."""
        return frozenset[str]().union(*self.allowed.values())

    @property
    def resources(self) -> tuple[str, ...]:
        """The resources that it names."""
        return tuple(it for it in self.allowed if it != WHOLE)

    def covers(self, scopes: frozenset[str], resources: tuple[str, ...]) -> bool:
        """Whether it allows all of these scopes at each of these resources."""
        # What was allowed at one resource says nothing of another.
        return all(it in self.allowed and scopes <= self.allowed[it] for it in _named(resources))


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
        allowed = {} if before is None else dict(before.allowed)
        allowed |= {it: scopes | allowed.get(it, frozenset()) for it in _named(resources)}
        written = json.dumps(
            {
                "person": person,
                "user": identity.user,
                "client": client,
                "name": name,
                "allowed": {it: sorted(there) for it, there in allowed.items()},
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

    async def page(
        self, client: str | None, after: str, limit: int
    ) -> tuple[list[Consent], str | None]:
        """The first `limit` consents to `client` (None: to all) after `after`; where to go on.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        index = _EVERY if client is None else _of_client(client)
        cursor = _PREFIX + after if after else ""
        listed = await self._store.page(index, after=cursor, limit=limit)
        read = (self._read(key, data) for key, data in listed)
        last = listed[-1][0].removeprefix(_PREFIX) if len(listed) == limit else None
        return [it for it in read if it is not None], last

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
        allowed = {it: frozenset(scopes) for it, scopes in written.pop("allowed").items()}
        return Consent(allowed=allowed, **written)


def _named(resources: tuple[str, ...]) -> tuple[str, ...]:
    return resources or (WHOLE,)


def _key(person: str, client: str) -> str:
    return f"{_PREFIX}{person}:{_digest(client)}"


def _of_person(person: str) -> str:
    return f"consents-of:{person}"


def _of_client(client: str) -> str:
    return f"consents-to:{_digest(client)}"


def _digest(client: str) -> str:
    return sha256(client.encode("utf-8", "surrogatepass")).hexdigest()
