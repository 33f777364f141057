"""`gatepost check`: prints what is wrong or risky in a configuration, and runs its policy tests."""

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.check_report import Report, Test
from gateway.cli.options import config_option
from gateway.errors import Finding, SettingsError

if TYPE_CHECKING:
    from gateway.settings.load import Loaded

_FORMATS = ("text", "json", "github", "sarif")


@click.command("check")
@config_option
@click.option("--strict", is_flag=True, help="Fail on a warning too: exit 1.")
@click.option("--coverage", is_flag=True, help="List the rules that no test is decided by.")
@click.option(
    "--without-secrets",
    is_flag=True,
    help="Do not read the files of secrets and certificates, where they are not at hand.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="github: annotations of a workflow; sarif: SARIF 2.1.0.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def check_command(
    config: Path | None,
    strict: bool,
    coverage: bool,
    without_secrets: bool,
    form: str,
    as_json: bool,
) -> None:
    """Check the configuration and run its policy tests (`tests:`).

    Prints every error at once, each with its place, and warns about risky settings.

    \b
    Exit status:
      0  it can be served, and all tests pass
      1  a test fails, or with --strict, there is a warning
      2  it cannot be served

    \b
    Examples:
      gatepost check -c gatepost.yaml --strict
      gatepost check --coverage --without-secrets
      gatepost check --format sarif > gatepost.sarif
    """
    from gateway.cli.check_formats import PRINTERS

    report = _report(config, strict=strict, covers=coverage, reads_secrets=not without_secrets)
    PRINTERS["json" if as_json else form](report)
    sys.exit(report.status)


def _report(config: Path | None, *, strict: bool, covers: bool, reads_secrets: bool) -> Report:
    from gateway.settings.data_dir import data_dir_warning
    from gateway.settings.load import load

    try:
        loaded = load(config, os.environ, reads_secrets=reads_secrets)
        # Elsewhere, another directory has the same name.
        warning = data_dir_warning(loaded.settings) if reads_secrets else None
    except SettingsError as error:
        return Report(errors=tuple(error.findings))
    added = () if warning is None else (Finding("data-dir", warning),)
    report = Report(
        source=loaded.source,
        settings=loaded.settings,
        warnings=(*loaded.findings, *added),
        notes=loaded.notes,
        order=tuple(loaded.route_places()),
        strict=strict,
    )
    return _tested(report, loaded, covers=covers) if loaded.settings.tests or covers else report


def _tested(report: Report, loaded: "Loaded", *, covers: bool) -> Report:
    from dataclasses import replace

    from gateway.cli.policy_coverage import coverage_of
    from gateway.cli.policy_tests import run_policy_tests
    from gateway.settings.document import Problem

    settings, document = loaded.settings, loaded.document
    tried = asyncio.run(run_policy_tests(settings, datetime.now(UTC).timestamp()))
    found = [document.finding(Problem(it.path, it.message, rule="failed-test")) for it in tried]
    report = replace(report, tests=tuple(map(Test, found, tried)))
    if not covers:
        return report
    explained = [it.explanation for it in tried if it.explanation is not None]
    coverage = coverage_of(settings, explained)
    untested = document.findings(coverage.left())
    return replace(report, coverage=coverage, untested=tuple(untested))
