"""`gatepost check`: every error of a configuration at once, and warnings for risky settings."""

import json
import os
import sys
from pathlib import Path

import click

from gateway.cli.options import config_option
from gateway.errors import SettingsError


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@click.command("check")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check_command(config: Path | None, as_json: bool) -> None:
    """Check the configuration: print every error, exit 2 if there is one."""
    from gateway.settings.load import load

    try:
        loaded = load(config, os.environ)
    except SettingsError as error:
        if as_json:
            click.echo(json.dumps({"ok": False, "errors": error.problems, "warnings": []}))
        else:
            for problem in error.problems:
                click.echo(problem, err=True)
        sys.exit(2)
    settings = loaded.settings
    counts = {
        "routes": len(settings.routes),
        "upstreams": len(settings.upstreams),
        "providers": len(settings.providers),
    }
    if as_json:
        found = {"ok": True, "errors": [], "warnings": list(loaded.warnings), **counts}
        click.echo(json.dumps(found))
        return
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    shown = ", ".join(_count(number, noun.removesuffix("s")) for noun, number in counts.items())
    click.echo(f"{loaded.source}: ok, {shown}")
