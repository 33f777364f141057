"""Clients that registered themselves (RFC 7591), in the store.

A look-up is one read by the client's id.  What is not used expires, so that strangers fill nothing.
"""

import base64
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.authserver.client import Client, digest_of, shown_redirect
from gateway.credentials.throttle import Throttle
from gateway.errors import GatewayError
from gateway.sealing.sealer import RandomBytes, Sealer
from gateway.storage.store import Clock, Store

MOST_UNUSED = 1000
UNUSED_S = 30 * 86400.0
FOR_ONE_ADDRESS, PER_S = 10, 3600.0
_ID_BYTES, _SECRET_BYTES = 18, 32
_PREFIX, _SECRET_PREFIX = "gpc_", "gpcs_"
_ID = re.compile(_PREFIX + "[A-Za-z0-9_-]{24}")
_PURPOSE = "client-registration"
_EVERY, _UNUSED = "client-registrations", "client-registrations-unused"


class TooManyRegistrationsError(GatewayError):
    """As many clients as are allowed have registered and were never used."""

    reason = "too-many-registrations"
    status = 503


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered client.  Times are seconds since the epoch.

    Attributes:
        used_at: When it last redeemed a code; None if it never did.
    """

    client: Client
    registered_at: float
    used_at: float | None


@dataclass(frozen=True, slots=True)
class Made:
    """A new client, and its secret, which is told once; None if it has none."""

    registered: Registered
    secret: str | None = field(repr=False)


class Registrations:
    """See the module.

    Attributes:
        turns: How often one address may register a client.
    """

    def __init__(
        self,
        store: Store,
        sealer: Callable[[], Sealer],
        clock: Clock,
        kept_s: Callable[[], float],
        random: RandomBytes = secrets.token_bytes,
    ) -> None:
        """Keep a client for `kept_s` seconds after its last use, but not less than 30 days."""
        self.turns = Throttle(FOR_ONE_ADDRESS, PER_S)
        self._store = store
        self._sealer = sealer
        self._clock = clock
        self._kept_s = kept_s
        self._random = random

    def may_know(self, client_id: str) -> bool:
        """See ClientSource.may_know."""
        return _ID.fullmatch(client_id) is not None

    async def find(self, client_id: str, _asker: str) -> Client | None:
        """See ClientSource.find."""
        return await self.find_to_prove(client_id)

    async def find_to_prove(self, client_id: str) -> Client | None:
        """See ClientSource.find_to_prove."""
        if not self.may_know(client_id):
            return None
        key = _key(client_id)
        found = self._read(key, await self._store.get(key))
        return None if found is None else found.client

    async def make(self, name: str, redirect_uris: tuple[str, ...], *, has_secret: bool) -> Made:
        """Register a client.

        Raises:
            TooManyRegistrationsError: Too many were never used.
            StoreUnavailableError: It could not be stored.
        """
        unused = await self._store.count(_UNUSED)
        if unused >= MOST_UNUSED:
            raise TooManyRegistrationsError(f"{unused} registered clients were never used")
        secret = _SECRET_PREFIX + self._text(_SECRET_BYTES) if has_secret else None
        client = Client(
            client_id=_PREFIX + self._text(_ID_BYTES),
            name=name or shown_redirect(redirect_uris[0]),
            redirect_uris=redirect_uris,
            origin="registered",
            secret_digest=None if secret is None else digest_of(secret),
        )
        registered = Registered(client, self._clock(), None)
        key = _key(client.client_id)
        await self._store.put(
            key, self._seal(key, registered), ttl_s=UNUSED_S, indexes=(_EVERY, _UNUSED)
        )
        return Made(registered, secret)

    async def note_use(self, client_id: str) -> None:
        """See ClientSource.note_use: it no longer counts as unused, and is kept for longer."""
        key = _key(client_id)
        stored = await self._store.get(key)
        found = self._read(key, stored)
        if found is None:
            return
        used = Registered(found.client, found.registered_at, self._clock())
        # As long as the tokens that it was given just now.  If it was changed or removed
        # meanwhile, that stands.
        await self._store.compare_and_swap(
            key,
            stored,
            self._seal(key, used),
            ttl_s=max(UNUSED_S, self._kept_s()),
            indexes=(_EVERY,),
        )

    async def all(self) -> list[Registered]:
        """All registered clients.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        read = (self._read(key, data) for key, data in await self._store.find(_EVERY))
        return [it for it in read if it is not None]

    async def page(self, after: str, limit: int) -> tuple[list[Registered], str | None]:
        """The first `limit` registered clients after the id `after`, and where to go on.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        cursor = _key(after) if after else ""
        listed = await self._store.page(_EVERY, after=cursor, limit=limit)
        read = (self._read(key, data) for key, data in listed)
        last = listed[-1][0].removeprefix(_key("")) if len(listed) == limit else None
        return [it for it in read if it is not None], last

    async def remove(self, client_id: str) -> bool:
        """Forget the client; returns whether there was one.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        return await self._store.delete(_key(client_id)) if self.may_know(client_id) else False

    def _text(self, size: int) -> str:
        return base64.urlsafe_b64encode(self._random(size)).rstrip(b"=").decode()

    def _seal(self, key: str, registered: Registered) -> bytes:
        client = registered.client
        digest = client.secret_digest
        written = json.dumps(
            {
                "client_id": client.client_id,
                "name": client.name,
                "redirect_uris": client.redirect_uris,
                "secret_digest": None if digest is None else digest.hex(),
                "registered_at": registered.registered_at,
                "used_at": registered.used_at,
            }
        ).encode()
        return self._sealer().seal(_PURPOSE, written, context=key.encode())

    def _read(self, key: str, data: bytes | None) -> Registered | None:
        if data is None:
            return None
        opened = self._sealer().open_sealed(_PURPOSE, data, context=key.encode())
        if opened is None:
            return None
        written = json.loads(opened)
        digest = written["secret_digest"]
        client = Client(
            client_id=written["client_id"],
            name=written["name"],
            redirect_uris=tuple(written["redirect_uris"]),
            origin="registered",
            secret_digest=None if digest is None else bytes.fromhex(digest),
        )
        return Registered(client, written["registered_at"], written["used_at"])


def _key(client_id: str) -> str:
    return f"client-registration:{client_id}"
