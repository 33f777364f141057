"""What tokens are asked for: MCP servers behind the gateway, or the gateway itself (RFC 8707)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from gateway.message.request import Request
from gateway.model import Decision, Identity


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    Attributes:
        url: As the client wrote it.
        route: The MCP route that serves it; None for the gateway itself.
        scopes: Those that the route's rules name.
    """

    url: str
    route: str | None = None
    scopes: tuple[str, ...] = ()


def urls_of(resources: Iterable[Resource]) -> tuple[str, ...]:
    """The URLs of the MCP servers among `resources`."""
    return tuple(it.url for it in resources if it.route is not None)


def routes_of(resources: Iterable[Resource]) -> frozenset[str] | None:
    """The names of the MCP routes among `resources`; None if there are none."""
    return frozenset(it.route for it in resources if it.route is not None) or None


class Resources(Protocol):
    """Finds resources, and judges who may use them."""

    def find(self, request: Request, url: str) -> Resource | None:
        """The resource `url` on the host of `request`; None if there is none."""

    def judge(self, request: Request, resource: Resource, identity: Identity) -> Decision:
        """What the rules of the resource's route say about a request of `identity`."""

    def judge_entry(self, request: Request, client: str, identity: Identity) -> Decision:
        """What the rules of the client `client` say about a sign-in of `identity`."""

    def serves(self, route: str) -> bool:
        """Whether the MCP route `route` still exists."""
