"""What the page about policy files shows is what the commands print."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.cli.explain import explain_command

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
COMMANDS = {"check": check_command, "explain": explain_command}


def section(title):
    """The YAML blocks, consoles and other blocks of a section."""
    text = PAGE.read_text(encoding="utf-8").partition(f"\n### {title}\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    return [[block for its, block in blocks if its == kind] for kind in ("yaml", "console", "")]


@pytest.fixture
def ask(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def ask(command, *blocks):
        """What the `command` of a console prints with the files of `blocks`."""
        for name, block in zip(("gatepost.yaml", "rules/reports.yaml"), blocks, strict=False):
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(block, encoding="utf-8")
        _, name, *arguments = command.split()
        environ = {"OIDC_CLIENT_SECRET": "s3cret"}
        return CliRunner().invoke(COMMANDS[name], arguments, env=environ).output

    return ask


def test_named_conditions(ask):
    [config], [console], _ = section("Named conditions")
    command, _, shown = console.removeprefix("$ ").partition("\n")

    assert ask(command, config) == shown


def test_several_files(ask):
    [config, rules], [console], [error] = section("Several files")
    command, _, shown = console.removeprefix("$ ").partition("\n")

    assert ask(command, config, rules).startswith(shown)
    assert ask(command, config, rules.replace("    before: everything\n", "")) == error
