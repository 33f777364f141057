"""Which scopes a client gets of those it asks for (RFC 6749, section 3.3)."""

from collections.abc import Iterable

from gateway.authserver.client import Client
from gateway.authserver.grant import OFFLINE
from gateway.authserver.person_claims import OPENID
from gateway.authserver.resources import Resource

# Of every client that is not in the configuration.
USUAL = frozenset({OPENID, "profile", "email", OFFLINE})


def granted_scopes(
    client: Client, asked: Iterable[str], resources: Iterable[Resource]
) -> frozenset[str] | None:
    """Those of the scopes `asked` for that `client` may have; None if it may have none of them.

    Without any asked for, those that the rules of the resources name.
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

    At the MCP `routes`, rules name the scopes of a client that has none of its own, and one that
    no rule names any more is good for nothing.
    """
    if client.origin == "file" and client.scopes:
        return granted - client.scopes
    return granted - client.scopes - USUAL if routes is None else frozenset()
