"""Decides made-up requests with a configuration's pipeline, and forwards none.

Uses the real pipeline over an empty store in memory, and calls no provider.  Only the outcome of a
credential is faked; everything else is read and decided as usual.
"""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.assembly.apart import pipeline_apart
from gateway.assembly.hosts import client_limits
from gateway.authn import Authenticated, Outcome
from gateway.authz.witness import witnessed
from gateway.errors import GatewayError, MalformedRequestError
from gateway.limits import RateTable
from gateway.message.forwarded import canonical_address
from gateway.model import Identity
from gateway.pipeline.messages import BODY
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.route_plan import RoutePlan
from gateway.pipeline.verdict import Answer, Verdict
from gateway.record.audit import Entry
from gateway.record.audit_writer import AuditWriter
from gateway.record.metrics import Metrics
from gateway.server.front import ClientLimits
from gateway.server.heads import Heads
from gateway.settings.schema import AuditSettings, Settings


@dataclass(frozen=True, slots=True)
class Asked:
    """A made-up request.

    Attributes:
        head: As a client sends it, including the final empty line.
        peer: The address it comes from.
        at: When it arrives, in seconds since the epoch.
        identity: What a credential of kind `identity.credential` proves; None if the store
            knows none of the request's credentials.
        times: How often it is sent at the same moment; only the last one is returned.
        body: Which rules may be about; its length is in the head.
    """

    head: bytes
    peer: str
    at: float
    identity: Identity | None = None
    times: int = 1
    body: bytes = b""

    async def read(self, most: int) -> bytes | None:
        """The body; None if it is longer than `most` bytes."""
        return self.body if len(self.body) <= most else None


@dataclass(frozen=True, slots=True)
class Decided:
    """The outcome of a request: its audit record, and what the pipeline would do.

    Attributes:
        plan: Of the route that the record names; None if that is no route of the file.
    """

    entry: Entry
    verdict: Verdict
    plan: RoutePlan | None = None


class DryRun:
    """See the module; `open_dry_run` makes one."""

    def __init__(
        self,
        pipeline: Pipeline,
        limits: ClientLimits,
        worth: dict[str, Outcome],
        rates: RateTable,
    ) -> None:
        """Let `pipeline` look up the outcome of each kind of credential in `worth`."""
        self._pipeline = pipeline
        self._limits = limits
        self._worth = worth
        self._rates = rates

    async def decide(self, asked: Asked) -> Decided:
        """The outcome of the request; no earlier one counts towards its rate limit."""
        self._worth.clear()
        self._rates.clear()
        if asked.identity is not None:
            self._worth[asked.identity.credential] = Authenticated(asked.identity)
        for _ in range(asked.times - 1):
            await self._once(asked)
        return await self._once(asked)

    async def _once(self, asked: Asked) -> Decided:
        pipeline, limits = self._pipeline, self._limits
        peer = canonical_address(asked.peer)
        try:
            head, rest = Heads().next(asked.head, limits.head_bytes, limits.fields)
            if head is None or rest:
                raise MalformedRequestError("not one head")
            entry = pipeline.read(head, peer, asked.at)
        except GatewayError as error:
            entry, response = pipeline.refuse_early(error, peer, asked.at, asked.head)
            return Decided(entry, Answer(response))
        verdict = pipeline.begin(entry)
        if isinstance(verdict, Awaitable):
            BODY.set(asked.read)
            verdict = await verdict
        return Decided(entry, verdict, pipeline.plan_of(entry.route or ""))


@asynccontextmanager
async def open_dry_run(settings: Settings) -> AsyncIterator[DryRun]:
    """A dry run of `settings`; writes nothing, listens nowhere and connects to nothing."""
    metrics, worth, rates = Metrics(), dict[str, Outcome](), RateTable()
    audit = AuditWriter(AuditSettings(), metrics.count_audit_dropped)
    try:
        pipeline = await pipeline_apart(settings, audit, worth.get, witnessed, rates)
        yield DryRun(pipeline, client_limits(settings), worth, rates)
    finally:
        audit.close()
