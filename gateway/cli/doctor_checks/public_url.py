"""Whether `public_url` leads to this gateway, and how requests arrive there."""

import asyncio
import json

from gateway.cli.doctor_checks.arrival import SPOOFED, judge_arrival, judge_spoofed
from gateway.cli.doctor_checks.certificate import examine_certificate
from gateway.cli.doctor_checks.finding import Finding, Level, from_provider
from gateway.cli.doctor_checks.reach import Place, connect, judge_scheme, place_of, resolve
from gateway.cli.doctor_checks.surroundings import Surroundings
from gateway.endpoints.doctor import PATH, Arrival, ask, read_answer
from gateway.errors import ProviderUnavailableError
from gateway.message.star import example_of
from gateway.oidc.finding import quoted
from gateway.oidc.http import Answer
from gateway.oidc.provider_extras import judge_ahead, judge_clock
from gateway.sealing.sealer import Sealer

_FORM_FIELDS = {"Sec-Fetch-Mode": "cors", "Cookie": "gatepost-doctor=1"}
_PROXY_FAILED = frozenset({502, 503, 504})
# What nginx, Caddy and others answer to plain http on a TLS port.
_BAD_REQUEST = 400


async def check_public_urls(around: Surroundings) -> list[Finding]:
    """Findings on every public URL."""
    found = await asyncio.gather(
        *(_check(around, place_of(around, example_of(url))) for url in around.settings.public_url)
    )
    findings = [finding for findings in found for finding in findings]
    answered = any(it.id == "public-url-gateway" and it.level == "ok" for it in findings)
    return [_running(around, answered=answered), *findings]


def _running(around: Surroundings, *, answered: bool) -> Finding:
    listen = str(around.settings.server.admin_listen)
    if not around.not_running:
        return Finding("ok", "gateway-running", listen, "a gateway answers")
    says = f"no gateway runs here: {around.not_running}"
    if answered:
        return Finding("ok", "gateway-running", listen, f"{says}; one answers at public_url")
    do = "start it (gatepost serve) and run this command again, beside it; what depends on it is "
    return Finding("warning", "gateway-running", listen, says, f"{do}not checked")


async def _check(around: Surroundings, place: Place) -> list[Finding]:
    findings: list[Finding] = []
    addresses = await resolve(place, findings)
    if not addresses or not await connect(around, place, addresses, findings):
        return findings
    if place.is_tls:
        certificate = await examine_certificate(place.url, place.host, place.port, around.clock())
        findings.extend(certificate)
        if any(it.level == "error" for it in certificate):
            return findings
    else:
        findings.append(judge_scheme(place))
    return [*findings, *await _ask(around, place)]


async def _ask(around: Surroundings, place: Place) -> list[Finding]:
    """Whether this gateway answers, and how requests arrive there."""
    name, sealer = "public-url-gateway", around.sealer
    if sealer is None:
        if around.why_no_sealer:
            return []  # The store's findings say so.
        says = "not asked: no gateway has run with this configuration yet"
        return [Finding("warning", name, place.url, says, "start the gateway")]
    asked_at = around.clock()
    try:
        answer, arrival = await ask_at(around, sealer, place.url)
    except ProviderUnavailableError as error:
        return [Finding("error", name, place.url, str(error), "see the log of what listens there")]
    clock = _clock(place.url, answer, arrival, (asked_at + around.clock()) / 2)
    if arrival is None:
        return [_another(around, place, answer), clock]
    says = f"this gateway answers, version {arrival.version}"
    judged = await _judge(around, sealer, place, arrival)
    return [Finding("ok", name, place.url, says), *judged, clock]


async def _judge(
    around: Surroundings, sealer: Sealer, place: Place, arrival: Arrival
) -> list[Finding]:
    """Findings on the proxy in front."""
    server = around.settings.server
    findings = list(judge_arrival(arrival, place.url, is_direct=place.is_direct, server=server))
    if place.is_direct:
        return findings
    try:
        _, spoofed = await ask_at(around, sealer, place.url, {"X-Forwarded-For": SPOOFED})
    except ProviderUnavailableError:
        return findings
    return findings if spoofed is None else [*findings, *judge_spoofed(spoofed, place.url)]


async def ask_at(
    around: Surroundings, sealer: Sealer, url: str, fields: dict[str, str] | None = None
) -> tuple[Answer, Arrival | None]:
    """The answer at `url`, and what the gateway says if it is ours.

    Raises:
        ProviderUnavailableError: Nothing answers.
    """
    question = ask(sealer, around.clock())
    sent = {**_FORM_FIELDS, **(fields or {})}
    answer = await around.http.post(url + PATH, question.form, fields=sent)
    return answer, read_answer(sealer, question, answer.body)


def _clock(url: str, answer: Answer, arrival: Arrival | None, now: float) -> Finding:
    if arrival is not None:
        return from_provider(judge_ahead(arrival.now - now, "the gateway"), "clock-public-url", url)
    date, age = answer.fields.get("date", ""), answer.fields.get("age", "")
    return from_provider(judge_clock(date, age, now, "the server"), "clock-public-url", url)


def _another(around: Surroundings, place: Place, answer: Answer) -> Finding:
    """The finding that something else answers."""
    level: Level = "error"
    reason = _reason(answer)
    if 300 <= answer.status < 400:  # noqa: PLR2004 - RFC 9110, section 15.4
        where = quoted(answer.fields.get("location", "nowhere"))
        says = f"answers with a redirect to {where}"
        do = "set public_url to where browsers end up, or let the proxy pass /_gatepost on"
    elif answer.status in _PROXY_FAILED and not reason:
        says = f"a proxy answers {answer.status}: it does not reach the gateway"
        do = "point it to an address in server.listen, and see its log"
        level = "warning" if around.not_running else "error"
    elif reason == "no-route":
        says = "a gateway answers that has another secret, another version, or no such host"
        do = "give it the same secret and version, and let it read this configuration (reload it)"
    elif answer.status == _BAD_REQUEST and not reason and not place.is_tls:
        says = (
            f"something else answers, with status {answer.status}, as to plain http on a TLS port"
        )
        do = "if browsers use https, let public_url begin with https://"
    else:
        told = f" ({reason})" if reason else ""
        says = f"something else answers, with status {answer.status}{told}"
        do = "let the proxy pass all paths, /_gatepost above all, to an address in server.listen"
    return Finding(level, "public-url-gateway", place.url, says, do)


def _reason(answer: Answer) -> str:
    """The reason in a problem document of the gateway's, or ``""``."""
    try:
        reason = json.loads(answer.body).get("reason", "")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return quoted(reason)
