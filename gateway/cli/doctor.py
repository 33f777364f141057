"""`gatepost doctor`: finds what is wrong around the gateway, from outside in."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.doctor_checks.finding import GROUPS
from gateway.cli.options import config_option
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.cli.doctor_checks.finding import Finding
    from gateway.cli.doctor_checks.surroundings import Surroundings
    from gateway.oidc.http import ProviderHttp
    from gateway.sealing.sealer import Sealer
    from gateway.settings.load import Loaded
    from gateway.settings.schema import Settings

_CHOICES = [group for group in GROUPS if group != "checks"]
_COLOURS = {"ok": "green", "warning": "yellow", "error": "red"}


@click.command("doctor")
@config_option
@click.option(
    "--only", multiple=True, type=click.Choice(_CHOICES), help="Check this group; may be repeated."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array of findings.")
def doctor_command(config: Path | None, only: tuple[str, ...], as_json: bool) -> None:
    """Find what is wrong around the gateway: DNS, TLS, proxy, clock, providers, directory, store,
    apps.

    Run it on the gateway's machine, as its user, beside the running gateway.  It asks public_url as
    a client would, and each provider as a browser without a session would.  It sends the client's
    secret to the provider's token endpoint, with a made-up code.

    Each line is ok, a warning, or an error, with what to do and where that is explained.

    Exit status: 0 without errors, 1 with one, 2 if the configuration is wrong.

    \b
    Examples:
      gatepost doctor -c gatepost.yaml
      gatepost doctor --only providers --only clock
    """
    loaded = _load(config)
    findings = asyncio.run(_examine(loaded, only or tuple(GROUPS)))
    if as_json:
        click.echo(json.dumps([_as_json(it) for it in findings]))
    else:
        click.echo("\n".join(_lines(findings)))
    sys.exit(1 if any(it.level == "error" for it in findings) else 0)


def _load(config: Path | None) -> "Loaded":
    from gateway.settings.load import load

    try:
        return load(config, os.environ)
    except SettingsError as error:
        click.echo("\n".join(error.problems), err=True)
        sys.exit(2)


async def _examine(loaded: "Loaded", groups: Collection[str]) -> "list[Finding]":
    from gateway.cli.doctor_checks.examination import examine_all
    from gateway.cli.doctor_checks.surroundings import STEP_S
    from gateway.oidc.http import ProviderHttp

    http = ProviderHttp(timeout_s=STEP_S)
    try:
        return await examine_all(_around(loaded, http), groups, _progress())
    finally:
        await http.aclose()


def _around(loaded: "Loaded", http: "ProviderHttp") -> "Surroundings":
    from gateway.assembly.serving import clock
    from gateway.cli.doctor_checks.surroundings import Surroundings
    from gateway.cli.healthcheck import why_not
    from gateway.settings.data_dir import data_dir_warning

    settings = loaded.settings
    sealer, why = _sealer(settings)
    try:
        warning = data_dir_warning(settings)
    except SettingsError as error:
        warning = "; ".join(error.problems)
    return Surroundings(
        settings=settings,
        warnings=loaded.warnings if warning is None else (*loaded.warnings, warning),
        sealer=sealer,
        why_no_sealer=why,
        not_running=why_not(_admin_address(loaded)),
        http=http,
        clock=clock,
    )


def _sealer(settings: "Settings") -> "tuple[Sealer | None, str]":
    """The gateway's secrets, without making one; else why they cannot be read."""
    from gateway.assembly.lasting import sealer_of
    from gateway.sealing.secret import has_kept_secret

    if not settings.secret and not has_kept_secret(settings.data_dir):
        return None, ""
    try:
        return sealer_of(settings), ""
    except SettingsError as error:
        return None, "; ".join(error.problems)


def _admin_address(loaded: "Loaded") -> str:
    """The admin listener of the running gateway, which may have chosen its own port."""
    from gateway.cli import admin_address

    path = loaded.path
    recorded = None if path is None else admin_address.find_of(str(path), os.environ)
    return recorded or str(loaded.settings.server.admin_listen)


def _progress() -> Callable[[int, int], None]:
    """Shows on a terminal how many checks are done."""

    def show(done: int, total: int) -> None:
        if sys.stderr.isatty():
            text = f"checking … {done} of {total}" if done < total else ""
            click.echo(f"\r\x1b[K{text}", nl=False, err=True)

    return show


def _lines(findings: "list[Finding]") -> Iterator[str]:
    """The report for people; click removes the colours if it is not for a terminal."""
    from gateway.settings.scalars import printable

    group, width = "", max((len(it.id) for it in findings), default=0)
    for found in findings:
        if found.group != group:
            group = found.group
            yield click.style(group, bold=True)
        about = f"{found.about}: " if found.about else ""
        do = f". To do: {found.do}" if found.do else ""
        if found.level != "ok":
            do += f". See {found.page}"
        level = click.style(f"{found.level:<7}", fg=_COLOURS[found.level])
        yield f"  {level}  {found.id:<{width}}  {printable(f'{about}{found.says}{do}')}"
    yield _verdict(findings)


def _verdict(findings: "list[Finding]") -> str:
    levels = Counter(it.level for it in findings)
    counts = (("error", levels["error"]), ("warning", levels["warning"]))
    told = [f"{number} {noun}{'' if number == 1 else 's'}" for noun, number in counts if number]
    return ", ".join(["not ok" if levels["error"] else "ok", *told])


def _as_json(found: "Finding") -> dict[str, object]:
    return {**asdict(found), "group": found.group, "page": found.page}
