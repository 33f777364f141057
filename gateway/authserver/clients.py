"""Finds clients: those of the configuration first, then those that other sources know."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.authserver.client import Client


class ClientSource(Protocol):
    """Knows clients that are not in the configuration."""

    def may_know(self, client_id: str) -> bool:
        """Whether `client_id` could be one of its clients; asks nobody."""

    async def find(self, client_id: str, asker: str) -> Client | None:
        """The client, or None; `asker` is the address that asks for it.

        Raises:
            GatewayError: It cannot be told.
        """

    async def find_to_prove(self, client_id: str) -> Client | None:
        """The client with its secret if it has one, and perhaps without what it may ask for.

        Raises:
            GatewayError: It cannot be told.
        """

    async def note_use(self, client_id: str) -> None:
        """Note that the client got tokens.

        Raises:
            StoreUnavailableError: It could not be noted.
        """


class Clients:
    """See the module."""

    def __init__(self, known: Mapping[str, Client], sources: Sequence[ClientSource] = ()) -> None:
        """Find `known` clients by name, and others in the first source that may know them."""
        self._known = known
        self._sources = sources

    @property
    def configured(self) -> Mapping[str, Client]:
        """The clients of the configuration by name."""
        return self._known

    def may_know(self, client_id: str) -> bool:
        """Whether there could be a client `client_id`; asks nobody."""
        if client_id in self._known:
            return True
        return any(source.may_know(client_id) for source in self._sources)

    async def find(self, client_id: str, asker: str) -> Client | None:
        """The client with all that it may ask for, or None; `asker` is the address that asks.

        Raises:
            GatewayError: It cannot be told.
        """
        source = self._source_of(client_id)
        if source is None:
            return self._known.get(client_id)
        return await source.find(client_id, asker)

    async def find_to_prove(self, client_id: str) -> Client | None:
        """The client with its secret if it has one, or None; only its proof may be judged by it.

        Raises:
            GatewayError: It cannot be told.
        """
        source = self._source_of(client_id)
        if source is None:
            return self._known.get(client_id)
        return await source.find_to_prove(client_id)

    async def note_use(self, client_id: str) -> None:
        """Note that the client got tokens.

        Raises:
            StoreUnavailableError: It could not be noted.
        """
        source = self._source_of(client_id)
        if source is not None:
            await source.note_use(client_id)

    def _source_of(self, client_id: str) -> ClientSource | None:
        """Who knows the client; None for the configuration, or nobody."""
        if client_id in self._known:
            return None
        return next((it for it in self._sources if it.may_know(client_id)), None)
