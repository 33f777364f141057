"""What people ask the administrators for: access to an app that they may not open.

The gateway cannot grant it, because its rules are in the file.  So a request is only kept, for 30
days, until an administrator says that it is done, or declines it.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from gateway.errors import GatewayError
from gateway.sealing.sealer import Sealer, structured
from gateway.storage.store import Clock, Store

OPEN, DONE, DECLINED = "open", "done", "declined"
KEPT_S = 30 * 86400.0
# Of one person in a day, and of everybody.
MOST_IN_A_DAY, MOST_KEPT = 10, 1000
_DAY_S = 86400.0
_PURPOSE = "access-request"
_EVERY = "access-requests"


class TooManyAccessRequestsError(GatewayError):
    """The person asked for too much in a day, or too many requests wait."""

    reason = "too-many-access-requests"
    status = 429


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """One request.

    Attributes:
        person: Names the person; see `gateway.authserver.consents.person_of`.
        user: Their user name.
        route: The name of the route.
        app: What people call it.
        reason: Why they may not open it.
        missing: What would have to change, for administrators only.
        asked_at: In seconds since the epoch; so is `answered_at`.
        state: `OPEN`, `DONE` or `DECLINED`.
        answered_by: The administrator's user name.
    """

    person: str
    user: str
    name: str | None
    email: str | None
    route: str
    app: str
    url: str
    reason: str
    missing: tuple[str, ...]
    asked_at: float
    state: str = OPEN
    answered_at: float | None = None
    answered_by: str | None = None

    @property
    def request_id(self) -> str:
        """Names it: there is one for each person and route."""
        return request_id_of(self.person, self.route)


def request_id_of(person: str, route: str) -> str:
    """The id of the request of `person` for `route`."""
    parts = (it.encode("utf-8", "surrogatepass") for it in (person, route))
    return sha256(structured(*parts)).hexdigest()[:32]


class AccessRequests:
    """Requests in the store."""

    def __init__(self, store: Store, sealer: Callable[[], Sealer], clock: Clock) -> None:
        """Seal with what `sealer` returns, which a reload may change."""
        self._store = store
        self._sealer = sealer
        self._clock = clock

    async def is_new(self, wanted: AccessRequest) -> bool:
        """Whether to `keep` it; not if the same was asked for within a day and is not done.

        Raises:
            TooManyAccessRequestsError: This person, or everybody, asked for too much.
            StoreUnavailableError: The store could not answer.
        """
        since = self._clock() - _DAY_S
        recent = [it for it in await self.of(wanted.person) if it.asked_at > since]
        if any(it.route == wanted.route and it.state != DONE for it in recent):
            return False
        if len(recent) >= MOST_IN_A_DAY or await self._store.count(_EVERY) >= MOST_KEPT:
            raise TooManyAccessRequestsError(f"{len(recent)} of one person in a day")
        return True

    async def keep(self, wanted: AccessRequest) -> None:
        """Keep a request that `is_new`, in place of an earlier one for the same.

        Raises:
            StoreUnavailableError: It could not be kept.
        """
        await self._put(wanted)

    async def of(self, person: str) -> list[AccessRequest]:
        """The requests of a person, newest first.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        return self._all(await self._store.find(_of_person(person)))

    async def every(self) -> list[AccessRequest]:
        """All requests, the open ones first, then newest first.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        found = self._all(await self._store.find(_EVERY))
        return sorted(found, key=lambda it: it.state != OPEN)

    async def find(self, request_id: str) -> AccessRequest | None:
        """The request; None if there is none.

        Raises:
            StoreUnavailableError: The store could not answer.
        """
        key = _key(request_id)
        return self._read(key, await self._store.get(key))

    async def answer(self, request_id: str, state: str, by: str) -> AccessRequest | None:
        """Note that `by` has answered; None if there is no such request.

        Raises:
            StoreUnavailableError: It could not be kept.
        """
        found = await self.find(request_id)
        if found is None:
            return None
        answered = replace(found, state=state, answered_by=by, answered_at=self._clock())
        await self._put(answered)
        return answered

    async def _put(self, it: AccessRequest) -> None:
        key = _key(it.request_id)
        sealed = self._sealer().seal(
            _PURPOSE, json.dumps(asdict(it)).encode(), context=key.encode()
        )
        indexes = (_EVERY, _of_person(it.person))
        await self._store.put(key, sealed, ttl_s=KEPT_S, indexes=indexes)

    def _all(self, found: list[tuple[str, bytes]]) -> list[AccessRequest]:
        read = [it for key, data in found if (it := self._read(key, data)) is not None]
        return sorted(read, key=lambda it: it.asked_at, reverse=True)

    def _read(self, key: str, data: bytes | None) -> AccessRequest | None:
        if data is None:
            return None
        opened = self._sealer().open_sealed(_PURPOSE, data, context=key.encode())
        if opened is None:
            return None
        written = json.loads(opened)
        try:
            return AccessRequest(**{**written, "missing": tuple(written["missing"])})
        except (TypeError, KeyError):  # Written by another version.
            return None


def _key(request_id: str) -> str:
    # Anybody may send an id.
    return f"access-request:{sha256(request_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _of_person(person: str) -> str:
    return f"access-requests-of:{person}"
