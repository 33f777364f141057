"""What one worker knows of itself and its surroundings, for those who administer the gateway."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from time import perf_counter

from gateway.assembly.lasting import Lasting
from gateway.errors import GatewayError
from gateway.record.metrics_sum import Snapshot
from gateway.record.report import Part, WorkerReport
from gateway.server.front import Front
from gateway.settings.setting_changes import without_secrets

# A worker that takes longer counts as silent, and the others would wait for it.
_PING_S = 1.0


async def worker_report(
    front: Front, lasting: Lasting, store: str, started_at: float
) -> WorkerReport:
    """Ask the store, and nobody else: of all other parts, the last result is told.

    `store` is the setting of that name.
    """
    return WorkerReport(
        pid=os.getpid(),
        started_at=started_at,
        numbers=Snapshot.of(lasting.metrics),
        refusals=lasting.watched.refusals,
        differences=lasting.watched.differences,
        parts=(await _store(lasting, store.partition(":")[0]), *_parts(front, lasting)),
    )


async def _store(lasting: Lasting, name: str) -> Part:
    began = perf_counter()
    try:
        async with asyncio.timeout(_PING_S):
            await lasting.store.ping()
    except TimeoutError:
        return Part("store", name, "fails", f"no answer within {_PING_S:g} s")
    except GatewayError as error:
        return Part("store", name, "fails", without_secrets(str(error)))
    return Part("store", name, "works", more={"latency_ms": 1000 * (perf_counter() - began)})


def _parts(front: Front, lasting: Lasting) -> Iterator[Part]:
    for name, provider in lasting.providers.items():
        metadata_at, keys_at = provider.metadata_at, provider.keys.fetched_at
        times = {"metadata_at": metadata_at, "keys_at": keys_at}
        yield _part("provider", name, str(provider.failure or ""), metadata_at is not None, times)
    for upstream in front.upstreams:
        timed = lasting.metrics.upstream_seconds.get(upstream.name)
        answered = timed is not None and any(timed.counts)
        connections = {"busy": float(upstream.busy), "idle": float(upstream.idle)}
        yield _part("upstream", upstream.name, upstream.failure, answered, connections)
    outbox = lasting.outbox
    if outbox.smtp is not None:
        sent = {"sent_at": outbox.sent_at, "waiting": float(outbox.waiting)}
        yield _part("mail", "smtp", outbox.failure, outbox.sent_at is not None, sent)
    for name, directory in lasting.directories.items():
        yield _part("directory", name, directory.failure, directory.has_answered, {})


def _part(
    kind: str, name: str, failure: str, has_worked: bool, more: Mapping[str, float | None]
) -> Part:
    if failure:
        return Part(kind, name, "fails", without_secrets(failure), more)
    return Part(kind, name, "works" if has_worked else "unknown", more=more)
