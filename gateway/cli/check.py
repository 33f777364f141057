"""`gatepost check`: prints all errors of a configuration, and warnings for risky settings."""

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import config_option
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.settings.load import Loaded
    from gateway.settings.schema import Settings

# A configuration with warnings can be served; one with errors cannot, and exits with 2.
_STRICT_STATUS = 1


@click.command("check")
@config_option
@click.option("--strict", is_flag=True, help="Fail on a warning too: exit 1.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_command(config: Path | None, strict: bool, as_json: bool) -> None:
    """Check the configuration: print every error, exit 2 if there is one."""
    from gateway.settings.data_dir import data_dir_warning
    from gateway.settings.load import load

    try:
        loaded = load(config, os.environ)
        warning = data_dir_warning(loaded.settings)
    except SettingsError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "errors": error.problems, "warnings": []}))
        else:
            for problem in error.problems:
                click.echo(problem, err=True)
        sys.exit(2)
    if warning is not None:
        loaded = replace(loaded, warnings=(*loaded.warnings, warning))
    failed = strict and bool(loaded.warnings)
    if as_json:
        _print_json(loaded, failed=failed)
    else:
        _print_text(loaded, failed=failed)
    sys.exit(_STRICT_STATUS if failed else 0)


def _print_json(loaded: "Loaded", *, failed: bool) -> None:
    from gateway.cli.registration import registrations

    found = {
        "ok": not failed,
        "errors": [],
        "warnings": list(loaded.warnings),
        "notes": list(loaded.notes),
        **_counts(loaded.settings),
        "register": [asdict(it) for it in registrations(loaded.settings)],
    }
    click.echo(json.dumps(found))


def _print_text(loaded: "Loaded", *, failed: bool) -> None:
    from gateway.cli.registration import registrations

    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    counts = _counts(loaded.settings)
    shown = ", ".join(_count(number, noun.removesuffix("s")) for noun, number in counts.items())
    verdict = "not ok, there are warnings" if failed else "ok"
    click.echo(f"{loaded.source}: {verdict}, {shown}")
    for note in loaded.notes:
        click.echo(f"note: {note}")
    for registration in registrations(loaded.settings):
        click.echo("\n".join(registration.lines()))


def _counts(settings: "Settings") -> dict[str, int]:
    return {
        "routes": len(settings.routes),
        "upstreams": len(settings.upstreams),
        "providers": len(settings.providers),
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
