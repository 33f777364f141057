"""Decides requests by routes that are not in effect, for the record alone.

It stands around the pipeline, so that without a shadow a request passes nothing of it.  It decides
by what the pipeline found of the credentials, in memory: it asks no store and no provider, and its
verdicts are dropped.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

import orjson

from gateway.authn import Authenticated, Outcome, Rejected
from gateway.authz.message_conditions import NOT_READ
from gateway.errors import GatewayError
from gateway.message.mcp_request import McpRequest
from gateway.message.request import Request
from gateway.pipeline.around import AroundPipeline
from gateway.pipeline.pipeline import Pipeline
from gateway.pipeline.verdict import VERDICTS, Answer, RequestHandler, Verdict
from gateway.record.audit import Entry
from gateway.record.metrics import NO_ROUTE, Metrics
from gateway.routing.route import RESERVED

_log = logging.getLogger(__name__)

_FAILED = 500
# Rates depend on other requests, and a request over its rate was allowed before.
_NOT_COMPARED = "rate-limited"


class UnjudgedError(Exception):
    """Whether a credential is good is not in memory, because nothing in effect asked."""


class Judged:
    """What the pipeline found of the credentials of one request after the other."""

    def __init__(self, peek: Callable[[Request], Outcome | None]) -> None:
        """`peek` returns what a session cookie proves; None if that is not in memory."""
        self._peek = peek
        self.entry: Entry | None = None

    def outcome(self, kind: str) -> Outcome:
        """What the credential of this kind proves.

        Raises:
            UnjudgedError: That is not known.
        """
        entry = self.entry
        if entry is None:
            raise UnjudgedError(kind)
        if entry.identity.credential == kind:
            return Authenticated(entry.identity)
        if isinstance(entry.rejected, Rejected) and entry.rejected.kind == kind:
            # Its detail is in the log already.
            return replace(entry.rejected, detail="")
        found = self._peek(entry.request) if kind == "session" else None
        if found is None:
            raise UnjudgedError(kind)
        return found


@dataclass(frozen=True, slots=True)
class Shadow:
    """Routes that are not in effect.

    Attributes:
        member: The name in the audit line.
        judged: Where `pipeline` looks credentials up.
        url_of: The public URL of a host, by its configuration.
        routes: The only routes to report; None for every request that it decides differently.
    """

    member: str
    pipeline: Pipeline
    judged: Judged
    url_of: Callable[[str], str]
    routes: Collection[str] | None = None

    def decide(self, served: Entry) -> Entry:
        """What it would record of the request of `served`, after that was decided."""
        request, judged = served.request, self.judged
        request = request.changed(public_url=self.url_of(request.host))
        if request.method == "POST" and not isinstance(request, McpRequest):
            # Its body is on its way to the app, and nothing waits for it here.
            request = McpRequest(request, None)
        entry = Entry(
            request,
            served.framing,
            peer=served.peer,
            trusted=served.trusted,
            began_at=served.began_at,
        )
        entry.is_question = served.is_question
        judged.entry = served
        try:
            # Nothing is awaited: `judged` knows, or raises.
            self.pipeline.decide_again(entry)
            if entry.reason == NOT_READ and not entry.is_question:
                entry.decide("unknown", NOT_READ)
        except UnjudgedError:
            entry.decide("unknown", "credential-not-judged")
        except GatewayError as error:
            entry.note(error)
        finally:
            judged.entry = None
        return entry

    def differs(self, served: Entry, entry: Entry) -> bool:
        """Whether `entry`, of `decide`, is another decision than that of `served`."""
        if self.routes is not None:
            return entry.decision != served.decision
        one, other = ((it.decision, it.reason, it.route or NO_ROUTE) for it in (served, entry))
        return one != other

    def reports(self, served: Entry, entry: Entry) -> bool:
        """Whether `entry` belongs into the record of `served`."""
        if self.routes is None:
            return self.differs(served, entry)
        # Without a route, no route decided because two of them could have.
        return entry.route in self.routes or (entry.route is None and self.differs(served, entry))


class ShadowedPipeline(AroundPipeline):
    """See RequestHandler."""

    def __init__(
        self,
        pipeline: RequestHandler,
        shadows: Sequence[Shadow],
        metrics: Metrics,
        note: Callable[[Entry, str, Entry], None],
    ) -> None:
        """Let `shadows` decide too; `note` gets each difference, with the shadow's member."""
        super().__init__(pipeline)
        self._note = note
        self._shadows = shadows
        self._metrics = metrics
        self._failed: set[str] = set()

    def begin(self, entry: Entry) -> Verdict | Awaitable[Verdict]:
        """See RequestHandler."""
        verdict = self._pipeline.begin(entry)
        if not isinstance(verdict, VERDICTS):
            return self._wait(entry, verdict)
        self._compare(entry, verdict)
        return verdict

    async def _wait(self, entry: Entry, waiting: Awaitable[Verdict]) -> Verdict:
        verdict = await waiting
        self._compare(entry, verdict)
        return verdict

    def _compare(self, entry: Entry, verdict: Verdict) -> None:
        if entry.route == RESERVED.name or entry.reason == _NOT_COMPARED:
            return
        if isinstance(verdict, Answer) and verdict.response.status >= _FAILED:
            # The store or a provider failed, so nobody knows who asked.
            return
        for shadow in self._shadows:
            try:
                self._report(shadow, entry, shadow.decide(entry))
            except Exception:  # noqa: BLE001 - the request was decided without it
                # Once, because every request may fail alike.
                if shadow.member not in self._failed:
                    self._failed.add(shadow.member)
                    _log.exception("%s: cannot decide, this is said only once", shadow.member)

    def _report(self, shadow: Shadow, served: Entry, entry: Entry) -> None:
        if not shadow.reports(served, entry):
            return
        metrics, route = self._metrics, entry.route or NO_ROUTE
        if shadow.routes is not None:
            metrics.shadow_decisions[route, entry.decision, entry.reason] += 1
        if shadow.differs(served, entry):
            key = served.route or NO_ROUTE, served.decision, entry.decision
            metrics.shadow_differences[key] += 1
            shadowed = served.reason, route, entry.decision, entry.reason
            metrics.shadow_changes[(shadow.member, *key[:2], *shadowed)] += 1
            self._note(served, shadow.member, entry)
        said = {"route": entry.route, "decision": entry.decision, "reason": entry.reason}
        served.more += f',"{shadow.member}":{orjson.dumps(said).decode()}'
