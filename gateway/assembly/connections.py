"""Connects what a worker keeps: sessions with their providers, tunnels with their credentials."""

from contextlib import AsyncExitStack
from functools import partial

from gateway.assembly.accounts import connect_sessions
from gateway.assembly.lasting import Lasting
from gateway.assembly.serving import count_outcome
from gateway.assembly.session_refresh import Rechecks, Refreshes
from gateway.assembly.token_revocation import Revocations
from gateway.server.front import Front
from gateway.sessions.all_sessions import AllSessions
from gateway.storage.store import Clock


def refresh_sessions(lasting: Lasting, closing: AsyncExitStack, clock: Clock) -> None:
    """Refresh sessions at their providers, and revoke their refresh tokens there.

    `closing` gets what waits for the calls that are under way.
    """
    counts = lasting.metrics.session_refreshes
    for sessions, providers, accounts in (
        (lasting.sessions, lasting.providers, lasting.accounts),
        (lasting.tokens.sessions, lasting.apps, None),
    ):
        revocations, refreshes = Revocations(providers), Refreshes(providers, accounts)
        closing.push_async_callback(revocations.aclose)
        closing.push_async_callback(refreshes.aclose)
        sessions.on_revoke(revocations.session_ended)
        sessions.read_accounts(lasting.accounts.facts)
        ask = Rechecks(lasting.directories, refreshes, clock).ask
        sessions.refresh_with(ask, partial(count_outcome, counts))
    connect_sessions(lasting.accounts, AllSessions(lasting.sessions, lasting.tokens.sessions))


def connect_tunnels(lasting: Lasting, front: Front) -> None:
    """Close tunnels when their session or key ends, and check for that in the background."""
    for sessions, credential in (
        (lasting.sessions, "session"),
        (lasting.tokens.sessions, "token"),
    ):
        sessions.on_end(front.tunnels.end_session)
        sessions.watch(partial(front.tunnel_sessions, credential))
    lasting.keys.on_revoke(front.tunnels.end_key)
    lasting.keys.watch(front.tunnels.keys)
