"""`gatepost provider`: compares what a provider publishes with the configuration."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from gateway.cli.options import config_option, json_option
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.cli.registration import Registration
    from gateway.oidc.finding import Finding
    from gateway.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Report:
    """The findings on one provider, and what to register there."""

    name: str
    issuer: str
    findings: "tuple[Finding, ...]"
    register: "Registration"

    @property
    def ok(self) -> bool:
        """Whether no finding breaks sign-ins."""
        return all(it.level != "problem" for it in self.findings)

    def lines(self) -> Iterator[str]:
        """The report for people."""
        from gateway.settings.scalars import printable

        yield printable(f"provider {self.name}: {self.issuer}")
        for found in self.findings:
            told = f"{found.says}. To do: {found.do}" if found.do else found.says
            yield printable(f"  {found.level:<8} {found.topic}: {told}")
        yield from self.register.lines()
        yield f"{self.name}: {'ok' if self.ok else 'not ok'}{self._counted()}"

    def _counted(self) -> str:
        levels = Counter(it.level for it in self.findings)
        counts = (("problem", levels["problem"]), ("warning", levels["warning"]))
        told = [f"{number} {noun}{'' if number == 1 else 's'}" for noun, number in counts if number]
        return "".join(f", {it}" for it in told)


@click.command("provider")
@config_option
@click.argument("name", required=False)
@json_option
def provider_command(config: Path | None, name: str | None, as_json: bool) -> None:
    """Ask a provider what it offers, and show what does not fit the configuration.

    Fetches the discovery document and the keys, as `gatepost serve` does.  Sends no secret and
    starts no sign-in.  Without NAME, asks every provider in turn.

    Each line is ok, a note, a warning, or a problem that breaks sign-ins, with what to do.
    At the end: what to register at the provider.

    Exit status: 0 without problems, 1 with one, 2 if the configuration is wrong.

    \b
    Example:
      gatepost provider -c gatepost.yaml zitadel
    """
    settings = _load(config)
    names = _chosen(settings, name)
    reports = asyncio.run(_run(settings, names, as_json=as_json))
    if as_json:
        click.echo(json.dumps(_as_json(reports)))
    sys.exit(0 if all(report.ok for report in reports) else 1)


def _load(config: Path | None) -> "Settings":
    from gateway.settings.load import load

    try:
        return load(config, os.environ).settings
    except SettingsError as error:
        click.echo("\n".join(error.problems), err=True)
        sys.exit(2)


def _chosen(settings: "Settings", name: str | None) -> list[str]:
    from gateway.settings.scalars import listed, unknown_message

    known = list(settings.providers)
    if not known:
        _fail("providers: the configuration has none")
    if name is None:
        return known
    if name not in known:
        told = unknown_message("provider", name, known)
        _fail(told if "one of: " in told else f"{told}; there are: {listed(known)}")
    return [name]


def _fail(message: str) -> NoReturn:
    click.echo(f"gatepost: {message}", err=True)
    sys.exit(2)


async def _run(settings: "Settings", names: list[str], *, as_json: bool) -> list[Report]:
    from gateway.assembly.providers import providers_of
    from gateway.assembly.serving import clock
    from gateway.cli.provider_examination import examine, expectations
    from gateway.cli.registration import registrations
    from gateway.oidc.http import ProviderHttp

    http, reports = ProviderHttp(), []
    providers = providers_of(settings, http, clock)
    expected = expectations(settings, providers)
    to_register = {it.provider: it for it in registrations(settings)}
    try:
        for name in names:
            findings = await examine(providers[name], expected[name])
            issuer = providers[name].registration.issuer
            reports.append(Report(name, issuer, findings, to_register[name]))
            if not as_json:
                click.echo("\n".join(reports[-1].lines()))
    finally:
        await http.aclose()
    return reports


def _as_json(reports: list[Report]) -> dict[str, object]:
    return {
        "ok": all(report.ok for report in reports),
        "providers": [{**asdict(report), "ok": report.ok} for report in reports],
    }
