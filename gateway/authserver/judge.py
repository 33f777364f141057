"""What a client may ask for, and whether a person may give it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.authserver.client import Client
from gateway.authserver.request import AuthorizationError
from gateway.authserver.resources import Resource, Resources
from gateway.authserver.scopes import granted_scopes
from gateway.message.request import Request
from gateway.model import Allow, Decision, Identity


def find_resources(
    resources: Resources, request: Request, urls: Sequence[str]
) -> tuple[Resource, ...]:
    """The resources `urls` on the host of `request`.

    Raises:
        AuthorizationError: One is not served here, or they go with different tokens.
    """
    found = tuple(it for url in urls if (it := resources.find(request, url)) is not None)
    if len(found) < len(urls):
        raise AuthorizationError("invalid_target", "no such resource here")
    if len({it.route is None for it in found}) > 1:
        # Tokens for the gateway as a whole are never good for an MCP server.
        raise AuthorizationError("invalid_target", "ask for the gateway or MCP servers apart")
    return found


def require_scopes(
    client: Client, asked: Iterable[str], resources: Iterable[Resource]
) -> frozenset[str]:
    """Those of the scopes `asked` for that `client` may have.

    Raises:
        AuthorizationError: It may have none of them.
    """
    scopes = granted_scopes(client, asked, resources)
    if scopes is None:
        raise AuthorizationError("invalid_scope", "the client may have none of these scopes")
    return scopes


def kept_from(
    resources: Resources,
    request: Request,
    wanted: Iterable[Resource],
    client: Client,
    identity: Identity,
    scopes: frozenset[str],
) -> tuple[str, Decision] | None:
    """What rules keep the person from, the client or a resource, and how; None if nothing."""
    as_token = replace(identity, credential="token", client=client.client_id, scopes=scopes)
    decision = resources.judge_entry(request, client.client_id, as_token)
    if not isinstance(decision, Allow):
        return client.client_id, decision
    for resource in wanted:
        decision = resources.judge(request, resource, as_token)
        if not isinstance(decision, Allow):
            return resource.url, decision
    return None
