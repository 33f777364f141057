"""Builds what decides in shadow: routes with ``enforce: false``, and those of another file."""

from collections.abc import Callable

from gateway.assembly.apart import pipeline_apart
from gateway.assembly.hosts import hosts_of
from gateway.authn import Outcome
from gateway.message.request import Request
from gateway.pipeline.shadow import Judged, Shadow
from gateway.record.audit_writer import AuditWriter
from gateway.settings.schema import Settings
from gateway.settings.shadow import all_enforced, enforced, only_deciding, shadow_names

Peek = Callable[[Request], Outcome | None]


async def shadows_of(settings: Settings, audit: AuditWriter, peek: Peek) -> tuple[Shadow, ...]:
    """What decides in shadow beside `settings`; empty if nothing does.

    `peek` returns what a session cookie proves; None if that is not in memory.

    Raises:
        GatewayError, OSError: The other file cannot be used.
    """
    found = []
    if (own := all_enforced(settings)) is not None:
        names = shadow_names(settings)
        found.append(await _shadow("shadow", own, audit, peek, names))
    if settings.shadow is not None:
        found.append(await _shadow("shadow_file", enforced(settings.shadow), audit, peek))
    return tuple(found)


async def _shadow(
    member: str,
    settings: Settings,
    audit: AuditWriter,
    peek: Peek,
    routes: frozenset[str] | None = None,
) -> Shadow:
    judged = Judged(peek)
    pipeline = await pipeline_apart(only_deciding(settings), audit, judged.outcome)
    return Shadow(member, pipeline, judged, hosts_of(settings).url_of, routes)
