"""Finds clients: those of the configuration first, then those that other sources know."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from gateway.authserver.client import Client


class ClientSource(Protocol):
    """Knows clients that are not in the configuration."""

    def may_know(self, client_id: str) -> bool:
        """Whether `client_id` could be one of its clients; asks nobody."""

    async def find(self, client_id: str) -> Client | None:
        """The client, or None.

        Raises:
            GatewayError: It cannot be told.
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

    async def find(self, client_id: str) -> Client | None:
        """The client, or None.

        Raises:
            GatewayError: It cannot be told.
        """
        known = self._known.get(client_id)
        if known is not None:
            return known
        for source in self._sources:
            if source.may_know(client_id):
                return await source.find(client_id)
        return None
