"""Imports files as the command does, and checks what it writes with the real `gatepost check`."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.importing import import_command
from gateway.settings.load import load
from gateway.settings.schema import Settings

SECRETS = {
    "OIDC_CLIENT_SECRET": "the-secret",
    "GATEPOST_SECRET": "x" * 32,
    "BASIC_AUTH_PASSWORD": "password",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote, and its report."""

    text: str
    report: list[str]
    directory: Path

    @property
    def data(self):
        """The file as any reader of YAML reads it."""
        return yaml.safe_load(self.text)

    def settings(self, **environ: str) -> Settings:
        """The file as the gateway reads it, once its secrets exist."""
        path = self.directory / "written.yaml"
        path.write_text(self.text)
        return load(path, {**SECRETS, **environ}, reads_secrets=False).settings

    def says(self, *parts: str) -> bool:
        """Whether one line of the report has all `parts`."""
        return any(all(part in line for part in parts) for line in self.report)


@pytest.fixture
def translate(tmp_path):
    """Import a file: ``translate("oauth2-proxy", text, "--format", "env")``."""

    def run(kind: str, text: str, *arguments: str, name: str = "proxy.cfg") -> Imported:
        path = tmp_path / name
        path.write_text(text)
        result = CliRunner().invoke(import_command, [kind, str(path), *arguments])
        assert result.exit_code == 0, (result.output, result.exception)
        return Imported(result.stdout, result.stderr.splitlines(), tmp_path)

    return run


@pytest.fixture
def refused(tmp_path):
    """Import bytes that must be refused; the only line that it says."""

    def run(kind: str, data: bytes, *arguments: str) -> str:
        path = tmp_path / "proxy.cfg"
        path.write_bytes(data)
        result = CliRunner().invoke(import_command, [kind, str(path), *arguments])
        assert result.exit_code == 2, (result.output[:500], result.exception)
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(str(path))
        assert line.isprintable()
        return line.removeprefix(str(path))

    return run


def run_check(directory: Path, text: str, **environ: str) -> tuple[int, str]:
    """The status and the output of `gatepost check` on `text`, in a process of its own."""
    path = directory / "checked.yaml"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "-c", str(path)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **SECRETS, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
