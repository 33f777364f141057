"""Which scopes a client gets of those it asks for (RFC 6749, section 3.3)."""

from collections.abc import Iterable

from gateway.authserver.client import Client
from gateway.authserver.grant import OFFLINE
from gateway.authserver.person_claims import OPENID
from gateway.authserver.resources import Resource

# Of every client for which the configuration names no scopes.
USUAL = frozenset({OPENID, "profile", "email", OFFLINE})


def granted_scopes(
    client: Client, asked: Iterable[str], resources: Iterable[Resource]
) -> frozenset[str] | None:
    """Those of the scopes `asked` for that `client` may have; None if it may have none of them.

    Without any asked for, those that the rules of the resources name and it may have.
    """
    named = frozenset(scope for it in resources for scope in it.scopes)
    may_have = client.scopes
    if client.origin != "file" or not client.scopes:
        may_have = client.scopes | USUAL | named
    wanted = frozenset(asked)
    if not wanted:
        return named & may_have
    return wanted & may_have or None


def lost_scopes(
    client: Client, granted: frozenset[str], routes: frozenset[str] | None
) -> frozenset[str]:
    """Those of the `granted` scopes that the configuration has taken back from `client`.

    From a client without scopes of its own, none are taken back at the MCP `routes`: a scope that
    no rule names any more is good for nothing there.
    """
    if client.origin == "file" and client.scopes:
        return granted - client.scopes
    return granted - client.scopes - USUAL if routes is None else frozenset()
