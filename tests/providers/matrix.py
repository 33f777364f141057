"""Writes docs/providers/matrix.md from what the last runs of each provider came to.

`make test-providers` does this at its end.
"""

import json
from pathlib import Path

from tests.providers.kinds import KINDS, SCENARIOS
from tests.providers.provider import INSTALLED, ROOT, Kind, version_of

PAGE = ROOT / "docs" / "providers" / "matrix.md"
_INTRODUCTION = """\
# Tested providers

`make test-providers` starts each of these providers, puts Gatepost in front of an app, and signs a
person in. It writes this page. A provider that is not here can work too: `gatepost provider NAME`
says what it offers.
"""


def page(results: Path) -> str:
    """The page, from the files that each scenario of each provider left in `results`."""
    told = "\n".join(f"- **{name}**: {what}" for name, what in SCENARIOS.items())
    rows = [_row("provider", "version", *SCENARIOS), _row(*["---"] * (len(SCENARIOS) + 2))]
    notes: list[str] = []
    for name, kind in KINDS.items():
        cells = [_cell(kind, column, results / name, notes) for column in SCENARIOS]
        rows.append(_row(kind.title, version_of(kind.installed), *cells))
    numbered = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    also = [f"- {it}" for kind in KINDS.values() for it in kind.also]
    parts = [_INTRODUCTION, *rows, "", *numbered, "", "Also tested:", "", *also, ""]
    return "\n".join([*parts, "## What is tested", "", told, ""])


def _cell(kind: Kind, column: str, results: Path, notes: list[str]) -> str:
    if column in kind.lacks:
        return f"not offered {_note(kind.lacks[column], notes)}"
    path = results / f"{column}.json"
    if not path.is_file():
        return "not run"
    found = json.loads(path.read_text())
    if found["outcome"] != "passed":
        why = f"{kind.title}, {column}: `{found['why']}`"
        return f"fails {_note(why, notes)}"
    known = kind.notes.get(column)
    return f"passed {_note(known, notes)}" if known else "passed"


def _note(text: str, notes: list[str]) -> str:
    if text not in notes:
        notes.append(text)
    return f"({notes.index(text) + 1})"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(INSTALLED / "results"))
