"""What `gatepost explain` says of a request is what the gateway decides, for 10,000 of them.

So is what it says of a route that is not enforced, and what it decides again from the audit alone:
there one of its answers is the gateway's, and the only one if it gives one.

On the gateway's side is a whole gateway with a store, real sessions, keys and tokens, and access
tokens of an issuer.  A request is handed to its pipeline as a connection would, and its audit has
the last word.
"""

import asyncio
import io
import json
import os
import random
from collections import Counter
from collections.abc import Awaitable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.assembly.dry_run import DryRun, open_dry_run
from gateway.assembly.explanation import explain, is_of, word_of
from gateway.assembly.pretence import Pretence
from gateway.assembly.serving import clock
from gateway.cli.explain import explain_command
from gateway.cli.recorded import records_of
from gateway.cli.replay import Replay, why_not
from gateway.credentials.key_format import new_key
from gateway.credentials.token_format import new_token
from gateway.errors import GatewayError
from gateway.model import Identity
from gateway.pipeline.messages import BODY
from gateway.pipeline.verdict import Answer
from gateway.server.heads import Heads
from gateway.sessions import ProviderTokens
from gateway.settings.load import load
from gateway.settings.schema import Settings
from gateway.settings.shadow import all_enforced, only_deciding
from tests.authn.issuer import TokenIssuer
from tests.cli.made_up import LOGOUT, configuration_of, possible, request_of, some
from tests.dataplane.harness import RunningGateway, settings_of, start_gateway
from tests.fixtures.real_clock import real_clock

__all__ = ["real_clock"]


SEEDS, CONFIGURATIONS, REQUESTS = 5, 16, 120
# So many of each configuration go through the whole command, which reads the file each time.
WHOLE = 2
# The audit of every so many configurations is decided again; `make explained` takes all of them.
AGAIN = int(os.environ.get("EXPLAINED_AGAIN", "4"))
# Longer than any rate of the configurations is counted over.
BETWEEN_S = 75
YEARS_S = 3 * 365 * 86400

# Whatever a route can refuse for, and what comes before any route; every seed must meet them.
REASONS = {
    "allowed",
    "public",
    "endpoint",
    "preflight",
    "foreign-credential",
    "sign-in-required",
    "sign-in-requested",
    "session-expired",
    "denied",
    "gone",
    "no-route",
    "unknown-host",
    "method-refused",
    "ambiguous-path",
    "malformed-request",
    "unknown-credential",
    "malformed-credential",
    "unknown-key",
    "unknown-token",
    "invalid-token",
    "key-not-for-route",
    "cross-site",
    "rate-limited",
    "denied-by-rule",
    "user-not-allowed",
    "group-missing",
}

# Of what is in shadow, and of what is decided again.
OUTCOMES = {
    *("shadow: known", "again: sure", "again: open", "again: left out"),
    *("next: sure", "next: open"),
}

# What is none of the gateway's credentials, or is cut.
OTHERS = [
    "Authorization: Basic YXBwOnNlY3JldA==",
    "Authorization: Token of-the-app",
    "Authorization: Bearer opaque",
    "Authorization: Bearer gp_at_cut",
    "Authorization: ",
    "X-API-Key: of-the-app",
    "X-API-Key: gp_cut",
]


@dataclass
class Credential:
    """What a client sends to say who it is, and the options that say it to the command.

    Attributes:
        identity: Whom it proves to the gateway; None where it proves nobody.
    """

    lines: list[str]
    options: list[str] = field(default_factory=list)
    identity: Identity | None = None

    def told(self, at):
        """All options about it at that time."""
        who = self.identity
        if who is None:
            return self.options
        given = {
            "--credential": [who.credential],
            "--user": [who.user],
            "--provider": [who.provider],
            "--email": [who.email],
            "--group": who.groups,
            "--role": who.roles,
            "--scope": who.scopes,
            "--acr": [who.acr],
            "--amr": who.amr,
            "--key-route": who.routes or (),
            "--claim": list(_claims(who)),
            "--auth-age": [who.authenticated_at and f"{at - who.authenticated_at}s"],
        }
        pairs = ((name, value) for name, values in given.items() for value in values)
        return [*self.options, *(it for pair in pairs if pair[1] is not None for it in pair)]


def _claims(who):
    if "department" in who.claims:
        yield f"department={who.claims['department']}"
    if "address" in who.claims:
        yield f"/address/country={who.claims['address']['country']}"


@dataclass
class World:
    """One configuration, served and explained."""

    rng: random.Random
    issuer: TokenIssuer
    running: RunningGateway
    config: Path
    settings: Settings
    dry_run: DryRun
    configuration: dict
    shadow: tuple[Settings, DryRun] | None = None
    good: list[Credential] = field(default_factory=list)
    bad: list[Credential] = field(default_factory=list)

    async def decide(self, head, peer, at, times=1, body=b""):
        """The record of the last of `times` requests, and the answer if the gateway has one."""

        async def read_body(most):
            assert len(body) <= most
            return body

        BODY.set(read_body)
        pipeline, limits = self.running.gateway.front.pipeline, self.settings.server.limits
        for _ in range(times):
            answer = None
            try:
                read, rest = Heads().next(head, limits.head_bytes, limits.fields)
                assert (read is None, rest) == (False, b"")
                entry = pipeline.read(read, peer, at)
            except GatewayError as error:
                entry, answer = pipeline.refuse_early(error, peer, at, head)
            else:
                verdict = pipeline.begin(entry)
                if isinstance(verdict, Awaitable):
                    verdict = await verdict
                if isinstance(verdict, Answer):
                    answer = verdict.response
            pipeline.finish(entry, 200 if answer is None else answer.status, None, 0.0)
        return entry, answer

    async def explain(self, options, at):
        """What the command says, line by line."""
        pretence = pretence_of(options)
        told = await explain(self.settings, self.dry_run, pretence, at)
        if self.shadow is not None:
            shadow = await explain(*self.shadow, pretence, at)
            if is_of(shadow, self.settings):
                told = replace(told, shadow=shadow)
        return told

    async def make_credentials(self):
        """Several people's of each kind that is taken, and others that are good for nothing."""
        users = ("alice", "bob", "carol") * 2
        made = [(user, line) for user in users async for line in self._credentials_of(user)]
        for user, line in made:
            # The identity it proves, as the gateway itself reads it now that all have signed in.
            head = f"GET /probe HTTP/1.1\r\nHost: notes.example.com\r\n{line}\r\n\r\n"
            entry, _ = await self.decide(head.encode(), "198.51.100.1", int(clock()))
            assert entry.identity.user == user
            self.good.append(Credential([line], [], entry.identity))
        bad = {
            "session": "Cookie: gatepost={0}; __Host-gatepost={0}".format("B" * 64),
            "api_key": f"Authorization: Bearer {new_key(self.rng.randbytes)}",
            "token": f"Authorization: Bearer {new_token('access', 'B' * 64, self.rng.randbytes)}",
        }
        if self.settings.bearer:
            bad["bearer"] = f"Authorization: Bearer {self.issuer.token(aud='https://other.test')}"
        told_bad = [Credential([it], ["--credential", kind, "--bad"]) for kind, it in bad.items()]
        self.bad += [Credential([]), *told_bad]
        self.bad.append(Credential(["Authorization: Basic YXBw"], ["--credential", "foreign"]))
        self.bad += [Credential([line], ["--header", line]) for line in OTHERS]
        for one in [it for it in self.good if it.identity.credential == "session"]:
            line = self.rng.choice(OTHERS)
            self.good.append(Credential([*one.lines, line], ["--header", line], one.identity))

    async def _credentials_of(self, user):
        rng, now, settings = self.rng, int(clock()), self.settings
        lasting = self.running.gateway.lasting
        facts = {
            "email": f"{user}@{rng.choice(['example.com', 'contractors.test'])}",
            "groups": tuple(rng.sample(["staff", "admins", "board"], rng.randint(0, 2))),
            "roles": tuple(rng.sample(["editor", "author"], rng.randint(0, 1))),
            "acr": rng.choice([None, "gold", "silver"]),
            "amr": tuple(rng.sample(["pwd", "otp"], rng.randint(0, 2))),
        }
        claims = rng.choice([{}, {"department": "ops", "address": {"country": "CZ"}}])
        signed_in_at = now - rng.choice([0, 86400])
        who = await lasting.accounts.sign_in(
            Identity(
                user=user,
                subject=user,
                issuer=self.issuer.issuer,
                credential="session",
                provider="idp",
                claims=claims,
                authenticated_at=signed_in_at,
                **facts,
            )
        )
        client = {"provider_sid": None, "ip": "192.0.2.1", "device": ""}
        cookie, _ = await lasting.sessions.create(who, ProviderTokens(), now=now, **client)
        yield f"Cookie: gatepost={cookie}; __Host-gatepost={cookie}"
        if settings.api_keys is not None:
            names = [route.name for route in settings.enforced_routes]
            key, _ = await lasting.keys.create(
                who,
                name="ci",
                scopes=rng.sample(["read", "gear:read"], rng.randint(0, 2)),
                routes=rng.choice([[], ["probe", *some(rng, names[1:], len(names) - 1)]]),
                lifetime_s=90 * 86400.0,
                now=now,
            )
            yield f"{rng.choice([settings.api_keys.header + ':', 'Authorization: Bearer'])} {key}"
        if settings.tokens is not None:
            issued = await lasting.tokens.issue(who, ProviderTokens(), client="ios", **client)
            yield f"Authorization: Bearer {issued.access_token}"
        if settings.bearer:
            told = {name: list(it) if isinstance(it, tuple) else it for name, it in facts.items()}
            told |= {"exp": now + 90 * 86400, "email_verified": True, "sub": user, **claims}
            told |= {"auth_time": rng.choice([None, signed_in_at])}
            scope = rng.choice(["read write", "", "gear:read"])
            yield f"Authorization: Bearer {self.issuer.token(scope=scope, **told)}"


def pretence_of(options):
    """The options as the command reads them."""
    given = explain_command.make_context("explain", list(options)).params
    return Pretence(
        **{k: v for k, v in given.items() if k not in ("config", "as_json", "logs", "people")}
    )


@asynccontextmanager
async def open_world(rng, issuer, directory):
    """A world in `directory`."""
    configuration = configuration_of(rng, issuer.issuer, directory)
    running = await start_gateway(directory, configuration)
    try:
        config = directory / "gatepost.yaml"
        settings = load(config, {}, reads_secrets=False).settings
        async with AsyncExitStack() as stack:
            dry_run = await stack.enter_async_context(open_dry_run(settings))
            world = World(rng, issuer, running, config, settings, dry_run, configuration)
            if (other := all_enforced(settings)) is not None:
                shadow = await stack.enter_async_context(open_dry_run(only_deciding(other)))
                world.shadow = other, shadow
            await world.make_credentials()
            yield world
    finally:
        await running.gateway.stop()


def last_line(decision, reason, route):
    """How the command tells what the audit says; whatever fails is not let through."""
    word = "deny" if decision == "error" else decision
    return f"decision: {word} reason: {reason} route: {route or '-'}"


def audited(directory):
    """What the audit says was decided, by the request's id."""
    events = map(json.loads, (directory / "audit.log").read_text().splitlines())
    return {it["request_id"]: last_line(it["decision"], it["reason"], it["route"]) for it in events}


def agree(told, entry):
    """Whether the record's shadow is the one that was explained: known, unknown or none."""
    found = json.loads(f"{{{entry.more[1:]}}}").get("shadow") if entry.more else None
    if found is None or found["route"] is None:
        # Nothing is compared that was not decided, or was over its rate.
        left_out = entry.route == "gatepost" or entry.reason == "rate-limited"
        assert told is None or left_out or entry.decision == "error", entry.more
        return "none"
    assert told is not None
    if found["decision"] == "unknown":
        return "unknown"
    would = told.decided.entry
    assert found == {"route": would.route, "decision": would.decision, "reason": would.reason}
    return "known"


async def decide_again(directory, world, asked, reasons):
    """Decide what the audit holds again, by the same configuration and by one with other rules.

    `asked` has the options of each request, and when it came, by its id.
    """
    world.running.gateway.lasting.audit.close()
    changed = {**world.configuration, "routes": changed_routes(world.configuration)}
    (directory / "next").mkdir()
    path = settings_of(directory / "next", possible(directory / "next", changed))
    settings = load(path, {}, reads_secrets=False).settings
    async with (
        Replay(world.settings, {}) as replay,
        Replay(settings, {}) as replay_next,
        open_dry_run(only_deciding(settings)) as dry_run,
    ):
        for record in records_of(io.BytesIO((directory / "audit.log").read_bytes())):
            if why_not(record):
                reasons["again: left out"] += 1
                continue
            again = await replay.decide(record)
            check(again, word_of(record.decision), record.route)
            reasons["again: sure" if len(again.decisions) == 1 else "again: open"] += 1
            options, at = asked.get(record.request_id, ([], 0))
            if options and not set(options) & {"--key-route"}:
                told = await explain(settings, dry_run, pretence_of(options), at)
                again = await replay_next.decide(record)
                check(again, told.decision, told.decided.entry.route)
                reasons["next: sure" if len(again.decisions) == 1 else "next: open"] += 1


def check(again, decision, route):
    """Whether the decision is one of those that the record leaves open."""
    assert decision in again.decisions, (again, decision, route)
    if len(again.decisions) == 1:
        assert again.route in (None, route), (again, decision, route)


def changed_routes(configuration):
    """The routes of `configuration` with the accesses of some exchanged."""
    routes = [dict(it) for it in configuration["routes"]]
    taking = [it for it in routes if it.get("upstream") and it["name"] != "probe"]
    accesses = [it["access"] for it in taking]
    random.Random(repr(accesses)).shuffle(accesses)
    for route, access in zip(taking, accesses, strict=True):
        route["access"] = access
    return routes


async def compare(rng, issuer, directory, *, again):
    """Have a configuration's requests decided and explained; how often there was each reason."""
    said, whole, reasons, asked = {}, [], Counter(), {}
    async with open_world(rng, issuer, directory) as world:
        begin = int(clock()) + BETWEEN_S
        for number in range(REQUESTS):
            # The last tenth comes years later: credentials are over, and routes are gone.
            later = number >= REQUESTS * 9 // 10
            at = begin + number * BETWEEN_S + (YEARS_S if later else 0)
            made = request_of(rng)
            nobody = later or made.target == LOGOUT or rng.random() < 0.3
            credential = rng.choice(world.bad if nobody else world.good)
            options = [*made.options(at), *credential.told(at)]
            entry, answer = await world.decide(
                made.head(credential.lines), made.peer, at, made.times, made.body
            )
            told = await world.explain(options, at)
            lines = list(told.lines())
            reasons[f"shadow: {agree(told.shadow, entry)}"] += 1

            said[entry.request.request_id] = lines[-1]
            asked[entry.request.request_id] = options, at
            assert lines[-1] == last_line(entry.decision, entry.reason, entry.route), options
            told = [line for line in lines if line.startswith("answer: ") and line[8].isdigit()]
            assert [line[8:11] for line in told] == ([] if answer is None else [str(answer.status)])
            reasons[entry.reason] += 1
            if number % (REQUESTS // WHOLE) == 0:
                whole.append((options, lines))
    if again:
        await decide_again(directory, world, asked, reasons)
    decided = audited(directory)
    assert {request_id: decided[request_id] for request_id in said} == said
    for options, lines in whole:
        asked = ["-c", str(directory / "gatepost.yaml"), *options]
        done = await asyncio.to_thread(CliRunner().invoke, explain_command, asked)
        assert done.output.splitlines() == lines
    return reasons


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_what_is_explained_is_what_is_decided(seed, tmp_path, issuer):
    rng, reasons = random.Random(seed), Counter()
    for number in range(CONFIGURATIONS):
        directory = tmp_path / str(number)
        directory.mkdir()
        again = number % AGAIN == 0
        reasons += await compare(rng, issuer, directory, again=again)

    assert sum(reasons[it] for it in reasons if ":" not in it) == CONFIGURATIONS * REQUESTS
    assert reasons.keys() >= REASONS | OUTCOMES
