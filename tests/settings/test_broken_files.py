"""A broken file is told about in lines that a person can act on, soon, and never by a traceback."""

import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load
from tests.settings.broken_files import GOOD, heavy, mutations, written

CORPUS = [*mutations(), *written()]
LINE = re.compile(r"(?:gatepost\.yaml(?::[0-9]+:[0-9]+)?|environment): \S.*")
# What only those who wrote the parsers understand.
JARGON = re.compile(
    r"Traceback|pydantic|Input should|[Vv]alidation|NoneType|<class|while (?:parsing|scanning)"
    r"|did not find expected|\btype=|_type\b"
)
MOST_LINES, MOST_CHARS = 20, 700
CPU_S, MEMORY_BYTES = 60, 1536 * 1024 * 1024


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_good_file_is_good():
    Path("gatepost.yaml").write_text(GOOD)

    assert load(Path("gatepost.yaml"), {}).settings.routes[1].name == "reports"
    assert len(CORPUS) > 200
    assert len({it.name for it in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("broken", CORPUS, ids=lambda it: it.name)
def test_a_broken_file_is_told_about_where_it_is_broken(broken):
    Path("gatepost.yaml").write_bytes(broken.content)

    with pytest.raises(SettingsError) as caught:
        load(Path("gatepost.yaml"), {})

    problems = caught.value.problems
    check(problems, broken)
    assert len(problems) <= MOST_LINES


def check(problems, broken):
    shown = "\n".join(problems[:20])
    for line in problems:
        assert line.isprintable()
        assert len(line) <= MOST_CHARS
        assert LINE.fullmatch(line), line
        assert not JARGON.search(line), line
    assert any(broken.said in line for line in problems), shown
    if broken.line:
        # A mistake of indentation shows at the line after it.
        here = rf":(?:{broken.line}|{broken.line + 1}):|line {broken.line}\b"
        assert any(re.search(here, line) for line in problems), shown


def limited():
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def gatepost_check(name):
    return subprocess.run(
        [sys.executable, "-m", "gateway", "check", "-c", name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        preexec_fn=limited,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("broken", list(heavy()), ids=lambda it: it.name)
def test_a_file_that_would_cost_much_is_refused_within_limits(broken):
    Path("gatepost.yaml").write_bytes(broken.content)

    result = gatepost_check("gatepost.yaml")

    assert (result.returncode, result.stdout) == (2, ""), result.stderr[-2000:]
    check(result.stderr.splitlines(), broken)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("/dev/zero", "/dev/zero: is larger than 4 MiB"),
        (".", ".: cannot be read: Is a directory"),
        ("none.yaml", "none.yaml: cannot be read: No such file or directory"),
        ("x" * 300, "cannot be read: File name too long"),
    ],
)
def test_what_is_no_file_is_refused(name, said):
    result = gatepost_check(name)

    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert said in line
