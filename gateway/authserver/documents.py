"""Clients with a client ID metadata document, whose id is the document's URL."""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from cachetools import LRUCache

from gateway.authserver.client import Client
from gateway.authserver.client_document import LONGEST_S, client_of, fresh_s
from gateway.authserver.client_metadata import MetadataError
from gateway.authserver.client_url import Hosts
from gateway.credentials.throttle import Throttle
from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.http import Answer
from gateway.storage.store import Clock

_log = logging.getLogger(__name__)

_MOST_KEPT = 500
_FAILED_S = 60.0
_MOST_AT_ONCE = 8
# Of what is fetched, in a minute: for one address, and for all.
_FOR_ONE, _FOR_ALL = 10, 60
_EVERYBODY = ""
_TOO_MANY_REQUESTS, _SERVER_ERRORS = 429, 500


class DocumentRefusedError(GatewayError):
    """The document is not one of a client that may sign people in."""

    reason = "client-document-refused"
    status = 400


class DocumentUnreachableError(GatewayError):
    """The document could not be fetched."""

    reason = "client-document-unreachable"
    status = 503


class DocumentsThrottledError(GatewayError):
    """Too many documents were asked for."""

    reason = "client-documents-throttled"
    status = 429


class Fetch(Protocol):
    """Fetches a document; see `gateway.authserver.document_fetch`."""

    def __call__(self, url: str, /, *, is_named: bool) -> Awaitable[Answer]:
        """The answer of `url`; `is_named` if the operator has named its host."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A client, and when it was asked about; times are seconds since the epoch."""

    client: Client
    fetched_at: float
    fresh_s: float

    def is_fresh(self, now: float) -> bool:
        return 0 <= now - self.fetched_at < self.fresh_s

    def is_usable(self, now: float) -> bool:
        """Whether it may stand in while the document cannot be fetched (RFC 5861, section 4)."""
        return abs(now - self.fetched_at) < LONGEST_S


@dataclass(frozen=True, slots=True)
class _Failed:
    error: GatewayError
    at: float


class MetadataDocuments:
    """See the module.  A document is fetched only at ``authorize``, at most once at a time.

    ``token`` needs none: these clients have no secret, and the code has its redirect URI.
    """

    def __init__(self, hosts: Hosts, fetch: Fetch, clock: Clock) -> None:
        self._hosts = hosts
        self._fetch = fetch
        self._clock = clock
        self._kept: LRUCache[str, _Kept] = LRUCache(_MOST_KEPT)
        self._failed: LRUCache[str, _Failed] = LRUCache(_MOST_KEPT)
        self._fetching: dict[str, asyncio.Task[Client]] = {}
        self._for_one = Throttle(_FOR_ONE)
        self._for_all = Throttle(_FOR_ALL)

    def may_know(self, client_id: str) -> bool:
        """See ClientSource.may_know."""
        return self._hosts.takes(client_id)

    async def find_to_prove(self, client_id: str) -> Client | None:
        """See ClientSource.find_to_prove."""
        client = Client(client_id=client_id, name="", redirect_uris=(), origin="document")
        return client.named(client.host)

    async def note_use(self, client_id: str) -> None:
        """See ClientSource.note_use; nothing to note."""

    async def find(self, client_id: str, asker: str) -> Client | None:
        """See ClientSource.find.

        Raises:
            GatewayError: The document cannot be fetched or is refused, or too many are asked for.
        """
        now = self._clock()
        kept = self._kept.get(client_id)
        if kept is not None and kept.is_fresh(now):
            return kept.client
        try:
            return await self._fetched(client_id, asker, now)
        except (DocumentUnreachableError, DocumentsThrottledError):
            if kept is not None and kept.is_usable(now):
                return kept.client
            raise

    async def _fetched(self, client_id: str, asker: str, now: float) -> Client:
        task = self._fetching.get(client_id)
        if task is None:
            failed = self._failed.get(client_id)
            if failed is not None and 0 <= now - failed.at < _FAILED_S:
                # A new one: each raise would add to the traceback of the same one.
                raise type(failed.error)(str(failed.error))
            self._take_turn(asker, now)
            task = asyncio.get_running_loop().create_task(self._fetch_and_keep(client_id))
            self._fetching[client_id] = task
            task.add_done_callback(lambda done: self._end(client_id, done))
        # Whoever leaves does not take the answer from the others.
        return await asyncio.shield(task)

    def _take_turn(self, asker: str, now: float) -> None:
        if self._for_one.take(asker, now):
            raise DocumentsThrottledError("of one address")
        if len(self._fetching) >= _MOST_AT_ONCE or self._for_all.take(_EVERYBODY, now):
            self._for_one.give_back(asker)
            raise DocumentsThrottledError("of all addresses")

    def _end(self, client_id: str, done: asyncio.Task[Client]) -> None:
        del self._fetching[client_id]
        if not done.cancelled():
            done.exception()  # Nobody may be left to ask for it.

    async def _fetch_and_keep(self, client_id: str) -> Client:
        try:
            client, answer = await self._ask(client_id)
        except GatewayError as error:
            _log.warning("client ID metadata document %s %s", client_id, error)
            self._failed[client_id] = _Failed(error, self._clock())
            if isinstance(error, DocumentRefusedError):
                self._kept.pop(client_id, None)
            raise
        self._failed.pop(client_id, None)
        self._kept[client_id] = _Kept(client, self._clock(), fresh_s(answer.fields))
        return client

    async def _ask(self, client_id: str) -> tuple[Client, Answer]:
        try:
            answer = await self._fetch(client_id, is_named=self._hosts.names(client_id))
        except ProviderUnavailableError as error:
            raise DocumentUnreachableError(f"could not be fetched: {error}") from error
        if answer.status >= _SERVER_ERRORS or answer.status == _TOO_MANY_REQUESTS:
            raise DocumentUnreachableError(f"has status {answer.status}")
        try:
            return client_of(client_id, answer), answer
        except MetadataError as error:
            raise DocumentRefusedError(str(error)) from error
