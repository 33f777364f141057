"""Runs the checks, beside each other, and collects their findings."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from gateway.cli.doctor_checks.cookies import check_cookies
from gateway.cli.doctor_checks.directory import check_directory
from gateway.cli.doctor_checks.finding import GROUPS, Finding
from gateway.cli.doctor_checks.providers import check_providers
from gateway.cli.doctor_checks.public_url import check_public_urls
from gateway.cli.doctor_checks.store import check_store
from gateway.cli.doctor_checks.surroundings import Surroundings
from gateway.cli.doctor_checks.upstreams import check_upstreams

_log = logging.getLogger(__name__)

# Each call has a limit of its own; this is for a whole check, which may make several in turn.
_CHECK_S = 60.0

Progress = Callable[[int, int], None]


async def _check_configuration(around: Surroundings) -> list[Finding]:
    """The warnings of `gatepost check`."""
    do = "follow the line"
    name = "configuration-warning"
    if not around.warnings:
        return [Finding("ok", name, "", "gatepost check has no warnings")]
    return [Finding("warning", name, "", warning, do) for warning in around.warnings]


@dataclass(frozen=True, slots=True)
class _Check:
    """One check, and the groups that its findings are of."""

    name: str
    groups: frozenset[str]
    run: Callable[[Surroundings], Awaitable[list[Finding]]]


_CHECKS = (
    _Check("public_url", frozenset({"gateway", "public_url", "proxy", "clock"}), check_public_urls),
    _Check("providers", frozenset({"providers", "clock"}), check_providers),
    _Check("directory", frozenset({"directory"}), check_directory),
    _Check("cookies", frozenset({"cookies"}), check_cookies),
    _Check("store", frozenset({"store"}), check_store),
    _Check("upstreams", frozenset({"upstreams"}), check_upstreams),
    _Check("configuration", frozenset({"configuration"}), _check_configuration),
)


async def examine_all(
    around: Surroundings, groups: Collection[str], progress: Progress
) -> list[Finding]:
    """The findings of `groups`, in the order of `GROUPS`; `progress` is told how many are done."""
    wanted = [it for it in _CHECKS if not it.groups.isdisjoint(groups)]
    done = 0

    async def run(check: _Check) -> list[Finding]:
        nonlocal done
        try:
            return await _run(check, around)
        finally:
            done += 1
            progress(done, len(wanted))

    progress(0, len(wanted))
    found = await asyncio.gather(*map(run, wanted))
    order = {name: index for index, name in enumerate(GROUPS)}
    findings = [it for findings in found for it in findings if it.group in (*groups, "checks")]
    return sorted(findings, key=lambda it: order[it.group])


async def _run(check: _Check, around: Surroundings) -> list[Finding]:
    do = f"run it again with --only {check.name}; if it stays, report it"
    try:
        async with asyncio.timeout(_CHECK_S):
            return await check.run(around)
    except TimeoutError:
        says = f"not finished after {_CHECK_S:.0f} seconds"
    except Exception as error:  # noqa: BLE001 - one failed check must not hide what others found
        _log.debug("%s", check.name, exc_info=error)
        says = f"failed: {error!r}"[:200]
    return [Finding("warning", "check-unfinished", check.name, says, do)]
