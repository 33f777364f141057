"""Decides recorded requests again, under another configuration than that of the record.

The record holds neither groups nor claims, hosts nor fields.  What it leaves open is decided every
way that it may be: only what comes out alike is sure.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from urllib.parse import quote

from gateway.assembly.dry_run import Asked, DryRun, open_dry_run
from gateway.assembly.explanation import word_of
from gateway.assembly.hosts import hosts_of
from gateway.assembly.pretence import FOREIGN, Pretence, asked_of
from gateway.authz.conditions import CONDITIONS
from gateway.bounded import remember
from gateway.cli.open_facts import at_best, at_worst, unknown_in
from gateway.cli.people import NOBODY, Person
from gateway.cli.recorded import Recorded
from gateway.kinds import CAN_STEP_UP, KINDS
from gateway.message.star import example_of
from gateway.record.audit import CUT
from gateway.routing.route import RESERVED
from gateway.settings.access import WHOEVER_ASKS
from gateway.settings.draft import Draft
from gateway.settings.schema import Settings
from gateway.settings.shadow import enforced, only_deciding

# What the record holds, as conditions.
_HELD = frozenset({"user", "credential", "ip", "method", "time"})
# Of somebody whom only the app knows: conditions on the person are left to it.
_HELD_OF_FOREIGN = _HELD | (set(CONDITIONS) - WHOEVER_ASKS)
# Of a person who is not known at all.
_HELD_OF_ANYBODY = _HELD - {"user", "credential"}
# Its name is not compared: that is one of the facts that are not known.
_ANYBODY = "anybody"
# The kind of a credential that was bad, by the reason in the record.
_BAD = {
    "session-expired": "session",
    "unknown-key": "api_key",
    "unknown-token": "token",
    "invalid-token": "bearer",
}
# Reasons with which the gateway looked at no credential, or could not tell its kind.
_UNJUDGED = frozenset({"public", "denied", "gone", "no-route", "sign-in-requested"})
# What a new sign-in may meet, and the credentials that none changes.
_PROOFS = frozenset({"acr", "amr", "max_age"})
_LASTING = frozenset(KINDS) - CAN_STEP_UP
_FROM_ANOTHER_SITE = ("Sec-Fetch-Site: cross-site", "Connection: Upgrade", "Upgrade: websocket")
_OF_MESSAGE = frozenset({"mcp_method", "mcp_tool"})
_REMEMBERED = 65536


@dataclass(frozen=True, slots=True)
class Again:
    """A recorded request, decided again.

    Attributes:
        decisions: Every decision that the record leaves open; one if it is sure.
        route: The route that decides; None for none, or if it depends.
        reason: Of the decision, if it is sure.
        open: What the record does not hold and the decision depends on.
    """

    decisions: tuple[str, ...]
    route: str | None
    reason: str
    open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Variant:
    """One way in which the request may have been sent; `why` names what is not known."""

    asked: Asked
    known: frozenset[str]
    why: str = ""


class Replay:
    """Decides recorded requests by one configuration; use it as a context."""

    def __init__(
        self, settings: Settings, people: Mapping[str, Person], host: str | None = None
    ) -> None:
        """`people` are known by the operator; `host` is where all requests were sent."""
        self._settings = only_deciding(enforced(settings))
        self._people = people
        self._hosts = (host,) if host else tuple(_hosts(self._settings))
        self._routes = {route.name: route for route in self._settings.routes}
        self._runs: dict[tuple[frozenset[str], bool], DryRun] = {}
        self._known: dict[Recorded, Again] = {}
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> "Replay":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._opened.aclose()

    async def decide(self, record: Recorded) -> Again:
        """Decide the request of `record`, of which `why_not` is empty.

        Raises:
            PretenceError: No client can send what is recorded.
        """
        # By the minute: what depends on the time of day does not change within one.
        key = replace(record, at=int(record.at) // 60, request_id="")
        known = self._known.get(key)
        if known is None:
            known = await self._decide(record)
            remember(self._known, key, known, _REMEMBERED)
        return known

    async def _decide(self, record: Recorded) -> Again:
        found: list[tuple[str, str | None, str]] = []
        open_facts: dict[str, None] = {}
        for index, variant in enumerate(self._variants(record)):
            both = [await self._once(variant, best=best) for best in (True, False)]
            if both[0][0] != both[1][0]:
                names = unknown_in(self._routes.get(both[0][1] or ""), variant.known)
                open_facts.update(dict.fromkeys(names))
                if not _PROOFS.isdisjoint(names) and record.credential not in _LASTING:
                    both.append(("step_up", *both[1][1:]))
            elif index and both[0][0] != found[0][0]:
                open_facts[variant.why] = None
            found += both
        words = tuple(dict.fromkeys(word for word, _, _ in found))
        _, route, reason = found[0]
        one_route = len({it[1] for it in found}) == 1
        return Again(words, route if one_route else None, reason, tuple(open_facts))

    async def _once(self, variant: _Variant, *, best: bool) -> tuple[str, str | None, str]:
        run = await self._run(variant.known, best=best)
        entry = (await run.decide(variant.asked)).entry
        return word_of(entry.decision), entry.route, entry.reason

    async def _run(self, known: frozenset[str], *, best: bool) -> DryRun:
        run = self._runs.get((known, best))
        if run is None:
            settings = (at_best if best else at_worst)(self._settings, known)
            run = await self._opened.enter_async_context(open_dry_run(settings))
            self._runs[known, best] = run
        return run

    def _variants(self, record: Recorded) -> Iterator[_Variant]:
        for number, host in enumerate(self._hosts):
            why = "host" if number else ""
            for variant in self._senders(record, host):
                yield replace(variant, why=variant.why or why)

    def _senders(self, record: Recorded, host: str) -> Iterator[_Variant]:
        """The credentials that the request may have had."""
        asked = Pretence(record.method, _target(record.path), host=host)
        if record.message is not None:
            mcp_method, mcp_tool = record.message
            asked = replace(asked, mcp_method=mcp_method, mcp_tool=mcp_tool)
        if record.user is not None:
            yield from self._of_user(record, asked)
        elif record.reason == "foreign-credential":
            yield self._variant(replace(asked, credential=FOREIGN), record, _HELD_OF_FOREIGN)
            keys = self._settings.api_keys
            field = "X-API-Key" if keys is None else keys.header
            by_key = replace(asked, headers=(f"{field}: of-the-app",))
            yield self._variant(by_key, record, _HELD_OF_FOREIGN, "credential")
        elif record.reason in _BAD:
            bad = replace(asked, credential=_BAD[record.reason], bad=True)
            yield self._variant(bad, record, _HELD)
        else:
            yield self._variant(asked, record, _HELD)
            if record.reason in _UNJUDGED:
                yield from self._of_anybody(asked, record)

    def _of_anybody(self, asked: Pretence, record: Recorded) -> Iterator[_Variant]:
        for kind in self._kinds():
            good = replace(asked, credential=kind, user=_ANYBODY)
            bad = replace(asked, credential=kind, bad=True)
            yield self._variant(good, record, _HELD_OF_ANYBODY, "credential")
            yield self._variant(bad, record, _HELD_OF_ANYBODY, "credential")

    def _of_user(self, record: Recorded, asked: Pretence) -> Iterator[_Variant]:
        person = self._people.get(record.user or "", NOBODY)
        fields = _FROM_ANOTHER_SITE if record.reason == "cross-site" else ()
        pretence = replace(
            asked,
            credential=record.credential,
            user=record.user,
            headers=fields,
            email=person.email,
            groups=person.groups or (),
            roles=person.roles or (),
            scopes=person.scopes or (),
            claims=person.claims or (),
            provider=person.provider,
        )
        variant = self._variant(pretence, record, _HELD | person.known)
        identity = variant.asked.identity
        yield variant
        if record.credential == "api_key" and identity is not None:
            # The record does not say which routes a key is for; it was for this one.
            limited = replace(identity, routes=frozenset({record.route or ""}))
            yield replace(
                variant, asked=replace(variant.asked, identity=limited), why="routes of the key"
            )

    def _variant(
        self, pretence: Pretence, record: Recorded, known: frozenset[str], why: str = ""
    ) -> _Variant:
        asked = asked_of(self._settings, pretence, record.at)
        # The address may be none, of a client that a proxy does not know.
        return _Variant(replace(asked, peer=record.ip), known | _known_of_message(record), why)

    def _kinds(self) -> Collection[str]:
        kinds = Draft.of(self._settings).kinds
        return [kind for kind in KINDS if kind in kinds]


def _known_of_message(record: Recorded) -> frozenset[str]:
    """The conditions on the message that the record answers: by GET there is none."""
    is_known = record.method != "POST" or record.message is not None
    return _OF_MESSAGE if is_known else frozenset()


def why_not(record: Recorded) -> str:
    """Why a recorded request cannot be decided again; ``""`` if it can be."""
    if record.route == RESERVED.name:
        return "answered by the gateway itself"
    if record.decision == "error":
        return "failed, or was refused before any route"
    if record.reason == "rate-limited":
        return "was over its rate"
    if not record.path.startswith("/") or record.path.endswith(CUT):
        return "the path is cut, or is none"
    if record.method in ("COPY", "MOVE", "OPTIONS"):
        return "depends on fields that the audit does not hold"
    if record.messages != 1:
        return "had several messages, of which the audit holds one"
    if any(name is not None and name.endswith(CUT) for name in record.message or ()):
        return "the name of the method or tool is cut"
    if record.reason == "key-not-for-route":
        return "depends on the routes of a key"
    is_known = record.credential in KINDS if record.user is not None else _tells(record)
    return "" if is_known else "the credential is not known"


def _tells(record: Recorded) -> bool:
    """Whether the record of somebody without a name tells what the request proved."""
    told = {"sign-in-required", "foreign-credential", "allowed", *_BAD, *_UNJUDGED}
    return record.credential == "anonymous" and record.reason in told


def _hosts(settings: Settings) -> Sequence[str]:
    hosts = hosts_of(settings)
    return (*hosts.public_urls, *map(example_of, hosts.stars))


def _target(path: str) -> str:
    """The path as a client sends it: the record has it decoded."""
    return quote(path.encode("utf-8", "surrogatepass"), safe="/!$&'()*+,:=@-._~")
