"""The forms in which `gatepost check` prints its report."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click

from gateway import __version__
from gateway.cli.check_report import Report, Test, place_of
from gateway.settings.rules import ERRORS, RULES, WARNINGS

if TYPE_CHECKING:
    from gateway.errors import Finding
    from gateway.settings.schema import Settings

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def print_text(report: Report) -> None:
    """For people: what is wrong goes to standard error."""
    for error in report.errors:
        click.echo(str(error), err=True)
    for test in report.failed_tests:
        click.echo(f"failed: {test.finding}", err=True)
        for line in test.tried.why:
            click.echo(f"  {line}", err=True)
    for warning in report.warnings:
        click.echo(f"warning: {warning}", err=True)
    for line in _summary(report):
        click.echo(line)


def print_json(report: Report) -> None:
    """For programs: one object."""
    found: dict[str, Any] = {
        "ok": report.status == 0,
        "errors": list(map(str, report.errors)),
        "warnings": list(map(str, report.warnings)),
        "findings": [_finding(level, it) for level, it in report.leveled()],
    }
    if report.settings is not None:
        from gateway.cli.registration import registrations

        found |= {
            "notes": list(report.notes),
            **_counts(report.settings),
            "order": [{"route": name, "place": place or None} for name, place in report.order],
            "tests": [_test(it) for it in report.tests],
            "register": [asdict(it) for it in registrations(report.settings)],
        }
    if report.coverage is not None:
        found["coverage"] = {
            "routes": len(report.coverage.routes),
            "tested_routes": len(report.coverage.tested_routes),
            "items": len(report.coverage.items),
            "tested_items": len(report.coverage.tested_items),
            "untested": [_finding("note", it) for it in report.untested],
        }
    click.echo(json.dumps(found))


def print_github(report: Report) -> None:
    """Workflow commands, which GitHub shows beside the lines of the file."""
    words = {"note": "notice"}
    for level, finding in report.leveled():
        place = place_of(finding)
        properties = {"title": f"gatepost: {finding.rule}"}
        if place is not None:
            where = {"file": place.file, "line": place.line, "col": place.column}
            properties = {k: str(v) for k, v in where.items() if v is not None} | properties
        shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
        click.echo(f"::{words.get(level, level)} {shown}::{_data(_message(finding))}")
    if report.settings is not None:
        click.echo(_verdict(report, report.settings))


def print_sarif(report: Report) -> None:
    """SARIF 2.1.0, as code scanners write it."""
    ids = list(RULES)
    driver = {
        "name": "gatepost",
        "version": __version__,
        "rules": [
            {
                "id": rule,
                "shortDescription": {"text": RULES[rule]},
                "defaultConfiguration": {"level": _level_of(rule)},
            }
            for rule in ids
        ],
    }
    results = [
        {
            "ruleId": finding.rule,
            "ruleIndex": ids.index(finding.rule),
            "level": level,
            "message": {"text": _message(finding)},
            "locations": list(_sarif_locations(finding)),
        }
        for level, finding in report.leveled()
    ]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    click.echo(json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2))


PRINTERS: Mapping[str, Callable[[Report], None]] = {
    "text": print_text,
    "json": print_json,
    "github": print_github,
    "sarif": print_sarif,
}


def _summary(report: Report) -> Iterator[str]:
    if report.settings is None:
        return
    from gateway.cli.registration import registrations

    yield _verdict(report, report.settings)
    if report.settings.include:
        yield "routes, in this order:"
        width = max(len(name) for name, _ in report.order)
        yield from (f"  {name:<{width}}  {place}" for name, place in report.order)
    if report.coverage is not None:
        yield report.coverage.summary()
        yield from (f"untested: {it}" for it in report.untested)
    yield from (f"note: {note}" for note in report.notes)
    for registration in registrations(report.settings):
        yield from registration.lines()


def _verdict(report: Report, settings: "Settings") -> str:
    counts = _counts(settings)
    shown = [_count(number, noun.removesuffix("s")) for noun, number in counts.items()]
    failed, all_of_them = len(report.failed_tests), len(report.tests)
    if failed:
        return f"{report.source}: not ok, {failed} of {_count(all_of_them, 'test')} failed"
    if all_of_them:
        shown.append(f"{_count(all_of_them, 'test')} passed")
    verdict = "ok" if report.status == 0 else "not ok, there are warnings"
    return f"{report.source}: {verdict}, {', '.join(shown)}"


def _counts(settings: "Settings") -> dict[str, int]:
    return {
        "routes": len(settings.routes),
        "upstreams": len(settings.upstreams),
        "providers": len(settings.providers),
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _finding(level: str, finding: "Finding") -> dict[str, Any]:
    place = place_of(finding)
    return {
        "rule": finding.rule,
        "level": level,
        "file": None if place is None else place.file,
        "line": None if place is None else place.line,
        "column": None if place is None else place.column,
        "message": _message(finding),
    }


def _test(test: Test) -> dict[str, Any]:
    tried = test.tried
    return {
        "name": tried.test.name,
        "request": tried.test.request,
        "place": test.finding.place,
        "passed": tried.passed,
        "expected": {
            name: value for name, value in tried.test.expect.model_dump().items() if value
        },
        "got": tried.got,
        "why": list(tried.why),
    }


def _data(text: str) -> str:
    # As the runner reads them (actions/toolkit, packages/core/src/command.ts).
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _level_of(rule: str) -> str:
    if rule in ERRORS:
        return "error"
    return "warning" if rule in WARNINGS else "note"


def _message(finding: "Finding") -> str:
    """The message; begins with the place if that is in no file, as of a variable."""
    return finding.message if place_of(finding) is not None else str(finding)


def _sarif_locations(finding: "Finding") -> Iterator[dict[str, Any]]:
    place = place_of(finding)
    if place is None:
        return
    path = Path(place.file)
    uri = path.as_uri() if path.is_absolute() else quote(place.file)
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if place.line is not None:
        physical["region"] = {"startLine": place.line, "startColumn": place.column}
    yield {"physicalLocation": physical}
