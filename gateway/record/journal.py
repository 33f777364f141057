"""The journal: who changed whose account, session, key or app, kept in the store for 90 days.

An entry is written before the act, and again after it: what cannot be written down is not done.
The keys of entries sort by time, newest first, and each word of an entry (a user name, an id) has
an index, so that a page costs the same however long the journal is.  Entries are sealed.
"""

import json
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace

import orjson

from gateway.accounts.account import Account
from gateway.accounts.owner import fold_user
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.message.request import Request
from gateway.model import Identity
from gateway.record.audit import escaped
from gateway.sealing.sealer import Sealer
from gateway.storage.store import Clock, Store

_log = logging.getLogger(__name__)

KEPT_S = 90 * 86400.0
# Of acts of administrators, and as many again of people on their own accounts, who so cannot push
# out the others.
MOST_KEPT = 20_000
_PRUNED_ONCE_IN, _STEP = 500, 500
_PURPOSE = "journal"
_KEY = "journal:"
_EVERY, _DESK, _OWN = "journal-entries", "journal-desk", "journal-own"
# Milliseconds; until the year 2286.
_LAST_MS = 10**13 - 1

BEGUN, DONE, FAILED = "begun", "done", "failed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts.

    Attributes:
        user: The user name, or ``command line``.
        credential: The kind of credential, or ``command``.
        proof: The id of the key, or the name of the app, that acts for the user.
    """

    user: str
    account_id: str | None = None
    credential: str = "session"
    proof: str | None = None
    ip: str | None = None

    @classmethod
    def of(cls, identity: Identity, request: Request) -> "Actor":
        """Who sent `request`, as `identity`."""
        return cls(
            user=identity.user,
            account_id=identity.account_id,
            credential=identity.credential,
            proof=identity.key_id or identity.client,
            ip=request.client,
        )


COMMAND_LINE = Actor("command line", credential="command")


@dataclass(frozen=True, slots=True)
class Target:
    """What is acted on; never a secret.

    Attributes:
        id: Of the key, session, account or app.
        name: What people call it.
        user: Whose it is.
    """

    id: str = ""
    name: str = ""
    user: str = ""
    account_id: str | None = None

    @classmethod
    def of_account(cls, account_id: str, account: Account, name: str = "") -> "Target":
        """The account, or what is called `name` in it."""
        user = account.user or ""
        invited = next((it.email for it in account.invitations), "")
        return cls(account_id, name or user or account.email or invited, user, account_id)


@dataclass(frozen=True, slots=True)
class Entry:
    """One act.

    Attributes:
        entry_id: Sorts by time, newest first.
        at: In seconds since the epoch.
        action: Such as ``key.revoke``.
        outcome: ``done``, ``failed``, or ``begun`` if nobody wrote down how it ended.
        reason: Why it failed.
    """

    entry_id: str
    at: float
    action: str
    actor: Actor
    target: Target
    outcome: str = BEGUN
    reason: str | None = None
    request_id: str | None = None

    def describe(self) -> dict[str, object]:
        """The entry as JSON shows it."""
        return {
            "id": self.entry_id,
            "at": int(self.at),
            "action": self.action,
            "outcome": self.outcome,
            "reason": self.reason,
            "actor": asdict(self.actor),
            "target": asdict(self.target),
            "request_id": self.request_id,
        }

    def words(self) -> frozenset[str]:
        """What it is found by."""
        actor, target = self.actor, self.target
        named = (actor.user, actor.account_id, actor.proof)
        return frozenset(map(_fold, filter(None, (*named, *asdict(target).values()))))

    @property
    def is_own(self) -> bool:
        """Whether somebody acted on their own account, by their own page."""
        return self.action.startswith(OWN)


# Before the actions of people on their own accounts.
OWN = "own."


@dataclass(slots=True)
class Acting:
    """An act under way; `target` may be named during it, as that of a new key."""

    entry: Entry
    target: Target = field(default_factory=Target)


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Some entries, newest first; `next` is where to go on, None at the end."""

    entries: tuple[Entry, ...]
    next: str | None


class Journal:
    """See the module."""

    def __init__(self, store: Store, sealer: Sealer, clock: Clock) -> None:
        """Seal entries with `sealer`, whose key must outlive them."""
        self._store = store
        self._sealer = sealer
        self._clock = clock

    @asynccontextmanager
    async def act(
        self,
        actor: Actor,
        action: str,
        target: Target | None = None,
        request: Request | None = None,
    ) -> AsyncIterator[Acting]:
        """Write down what `actor` is about to do in the block, and how it ended.

        Raises:
            StoreUnavailableError: It cannot be written down, so the block is not entered.
        """
        now = self._clock()
        entry = Entry(
            entry_id=f"{_LAST_MS - int(now * 1000):013d}-{secrets.token_hex(8)}",
            at=now,
            action=action,
            actor=actor,
            target=target or Target(),
            request_id=None if request is None else request.request_id,
        )
        acting = Acting(entry, entry.target)
        if request is not None:
            request.acts = (*request.acts, acting)
        await self._put(entry)
        try:
            yield acting
        except GatewayError as error:
            await self._settle(acting, FAILED, error.reason)
            raise
        else:
            await self._settle(acting, DONE)
        finally:
            # After what failed too: a person can fail as often as they like.
            if secrets.randbelow(_PRUNED_ONCE_IN) == 0:
                await self._prune_quietly(_OWN if entry.is_own else _DESK)

    async def page(self, about: str = "", after: str = "", limit: int = 50) -> JournalPage:
        """Entries whose id comes after `after`; `about` is a user name or an id in them.

        Raises:
            StoreUnavailableError: The store cannot answer.
        """
        index = self._index(_fold(about)) if about else _EVERY
        cursor = _KEY + after if after else ""
        found = await self._store.page(index, after=cursor, limit=limit)
        entries = (self._open(key, sealed) for key, sealed in found)
        last = found[-1][0].removeprefix(_KEY) if len(found) == limit else None
        return JournalPage(tuple(it for it in entries if it is not None), last)

    async def prune(self, index: str, most: int) -> int:
        """Remove all but the newest `most` entries in `index`; how many those were.

        Raises:
            StoreUnavailableError: The store cannot answer.
        """
        seen, removed, after = 0, 0, ""
        while found := await self._store.page(index, after=after, limit=_STEP):
            after = found[-1][0]
            for key, _ in found[max(0, most - seen) :]:
                removed += await self._store.delete(key)
            seen += len(found)
        return removed

    async def _prune_quietly(self, index: str) -> None:
        try:
            await self.prune(index, MOST_KEPT)
        except StoreUnavailableError as error:
            _log.warning("journal: old entries are not removed: %s", error)

    async def _settle(self, acting: Acting, outcome: str, reason: str | None = None) -> None:
        acting.entry = replace(acting.entry, target=acting.target, outcome=outcome, reason=reason)
        try:
            await self._put(acting.entry)
        except StoreUnavailableError as error:
            # The act itself is over; the first entry says who began it.
            _log.error("journal: the end of %s is not kept: %s", acting.entry.action, error)

    async def _put(self, entry: Entry) -> None:
        key = _KEY + entry.entry_id
        sealed = self._sealer.seal(
            _PURPOSE, json.dumps(asdict(entry)).encode(), context=key.encode()
        )
        indexes = (_EVERY, _OWN if entry.is_own else _DESK, *map(self._index, entry.words()))
        await self._store.put(key, sealed, ttl_s=KEPT_S, indexes=indexes)

    def _index(self, word: str) -> str:
        return f"journal-about:{self._sealer.digests(_PURPOSE, word)[0]}"

    def _open(self, key: str, sealed: bytes) -> Entry | None:
        data = self._sealer.open_sealed(_PURPOSE, sealed, context=key.encode())
        if data is None:
            return None
        whole = json.loads(data)
        try:
            actor, target = Actor(**whole.pop("actor")), Target(**whole.pop("target"))
            return Entry(actor=actor, target=target, **whole)
        except TypeError:  # Written by another version.
            return None


def _fold(word: str) -> str:
    return fold_user(word.strip())


def audit_members(request: Request) -> str:
    """The members of the audit line that say what was done by `request`."""
    entries = [it.entry for it in request.acts if isinstance(it, Acting)]
    # One request does one thing; if it ever did two, no member may come twice.
    return _members(entries[0]) if entries else ""


def _members(entry: Entry) -> str:
    target = {name: it for name, it in asdict(entry.target).items() if it}
    if "@" in entry.target.name:
        # Whom one invites is in the journal, which is sealed; e-mail addresses are in no log.
        del target["name"]
    told = {"action": entry.action, "outcome": entry.outcome, "target": target}
    try:
        text = orjson.dumps(told).decode()
    except TypeError:  # A lone surrogate, as in a name from a provider.
        text = json.dumps(told)
    return "," + escaped(text[1:-1])
