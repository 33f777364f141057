"""Runs the policy tests of a configuration with the code that serves."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gateway.assembly.dry_run import DryRun, open_dry_run
from gateway.assembly.explanation import Explanation, explain
from gateway.assembly.pretence import Pretence, PretenceError
from gateway.cli.policy_coverage import decisive
from gateway.pipeline.verdict import Answer
from gateway.settings.document import Path
from gateway.settings.policy_tests import PolicyTest, TestedIdentity
from gateway.settings.scalars import format_duration, printable
from gateway.settings.schema import Settings
from gateway.settings.tested_message import TestedMessage


@dataclass(frozen=True, slots=True)
class Tried:
    """A test that was run.

    Attributes:
        path: Its place in the configuration.
        got: What happened, by the names in `expect`; None for what does not apply.
        why: Printable lines that explain it.
        explanation: None if the request cannot be made.
    """

    path: Path
    test: PolicyTest
    got: dict[str, Any]
    why: tuple[str, ...]
    explanation: Explanation | None

    @property
    def passed(self) -> bool:
        """Whether everything that the test expects happened."""
        expect = self.test.expect
        wanted = {name: getattr(expect, name) for name in type(expect).model_fields}
        return self.explanation is not None and all(
            value in (None, self.got[name]) for name, value in wanted.items()
        )

    @property
    def message(self) -> str:
        """What was asked, expected, and happened, on one line."""
        named = "" if self.test.name is None else f"{self.test.name}: "
        asked = f"{self.test.request}{_message(self.test.mcp)}{_asker(self.test.identity)}"
        return printable(f"{named}{asked}: expected {self.test.expect}, but got {self._said()}")

    def _said(self) -> str:
        if self.explanation is None:
            return "no answer"
        shown = [f"{name} {value}" for name, value in self.got.items() if value is not None]
        return ", ".join([self.explanation.decision, *shown[1:]])


async def run_policy_tests(settings: Settings, now: float) -> list[Tried]:
    """Run all tests of `settings`; one without a time of its own is asked at `now`.

    Asks no store and no provider, and each test as if it were the only one.
    """
    if not settings.tests:
        return []
    async with open_dry_run(settings) as dry_run:
        return [
            await _try(settings, dry_run, ("tests", index), test, now)
            for index, test in enumerate(settings.tests)
        ]


async def _try(
    settings: Settings, dry_run: DryRun, path: Path, test: PolicyTest, now: float
) -> Tried:
    try:
        explanation = await explain(settings, dry_run, pretence_of(test), now)
    except PretenceError as error:
        return Tried(path, test, {}, (printable(str(error)),), None)
    entry, verdict = explanation.decided.entry, explanation.decided.verdict
    got = {
        "decision": explanation.decision,
        "reason": entry.reason,
        "route": entry.route,
        "status": verdict.response.status if isinstance(verdict, Answer) else None,
    }
    return Tried(path, test, got, tuple(map(printable, _why(explanation))), explanation)


def pretence_of(test: PolicyTest) -> Pretence:
    """The request of `test`, as the options of `gatepost explain` would describe it."""
    method, _, target = test.request.partition(" ")
    lines = (f"{name}: {value}" for name, values in test.headers.items() for value in values)
    request = Pretence(
        method=method,
        target=target,
        host=test.host,
        ip=test.ip,
        at=None if test.at is None else test.at.isoformat(),
        headers=tuple(lines),
        mcp_method=None if test.mcp is None else test.mcp.method,
        mcp_tool=None if test.mcp is None else test.mcp.tool,
    )
    return request if test.identity is None else _signed_in(request, test.identity)


def _signed_in(request: Pretence, identity: TestedIdentity) -> Pretence:
    age_s = identity.auth_age
    same = {name: getattr(identity, name) for name in type(identity).model_fields}
    same["auth_age"] = None if age_s is None else format_duration(age_s)
    return replace(request, **same)


def _message(message: TestedMessage | None) -> str:
    if message is None:
        return ""
    return f" ({message.method})" if message.tool is None else f" ({message.tool})"


def _asker(identity: TestedIdentity | None) -> str:
    if identity is None:
        return ""
    who = "" if identity.user is None else f" as {identity.user}"
    return who if identity.credential is None else f"{who} by {identity.credential}"


def _why(explanation: Explanation) -> Iterator[str]:
    """What made the decision: the item that did, or what all items of `allow` lack."""
    for reading in explanation.readings[1:]:
        yield f"some servers read the path as {reading!r}"
    if explanation.route is None:
        for trial in explanation.routes:
            yield f"route {trial.route.name}: {trial.why_not or 'matches the request'}"
        return
    item = decisive(explanation)
    if item is not None:
        yield from (f"{item.where}: {finding}" for finding in item.findings)
    elif explanation.decision != "allow":
        for item in explanation.items:
            if item.where.startswith("allow"):
                left = (it for it in item.findings if it.word != "met")
                yield from (f"{item.where}: {finding}" for finding in left)
