"""The pages under docs/apps/: each preset has one, and what they show is right."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.settings.presets import PRESETS
from tests.apps.apps import APPS

ROOT = Path(__file__).parents[2]
PAGES = {path.stem: path.read_text() for path in (ROOT / "docs" / "apps").glob("*.md")}
# Presets that are no app's, and one that shares a page.
GENERAL = {"remote-user", "x-forwarded", "x-auth-request", "none"}
SHARED = {"forgejo": "gitea"}
OF_APPS = sorted(PRESETS.keys() - GENERAL)


def configurations():
    for name, text in sorted(PAGES.items()):
        for number, block in enumerate(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)):
            yield pytest.param(block, id=f"{name}-{number}")


@pytest.mark.parametrize("preset", OF_APPS)
def test_an_apps_preset_has_a_page_that_uses_it_and_a_line_in_the_index(preset):
    page = SHARED.get(preset, preset)

    blocks = re.findall(r"```yaml\n(.*?)```", PAGES[page], re.DOTALL)
    assert f"identity: {{headers: {page}}}" in blocks[0]
    assert f"]({page}.md)" in PAGES["index"]
    assert f"`{preset}`" in PAGES["index"]


@pytest.mark.parametrize("text", list(configurations()))
def test_gatepost_check_finds_nothing_to_say_of_a_page(text, tmp_path):
    for secret in set(re.findall(r"file: (/run/secrets/\w+)", text)):
        stand_in = tmp_path / Path(secret).name
        stand_in.write_text("a-secret-that-is-long-enough-for-everything\n")
        stand_in.chmod(0o600)
        text = text.replace(secret, str(stand_in))
    (tmp_path / "gatepost.yaml").write_text(text)

    result = CliRunner().invoke(
        check_command, ["-c", str(tmp_path / "gatepost.yaml"), "--strict"], env={}
    )

    assert result.exit_code == 0, result.output


def versions():
    """What the tests run, by name: Python's from the locks, Miniflux from what builds it."""
    for lock in ("apps", "dev"):
        text = (ROOT / "requirements" / f"{lock}.lock").read_text()
        yield from re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.MULTILINE)
    yield from re.findall(r"(miniflux)\.app/v2@v(\S+)", (ROOT / "scripts/setup-apps").read_text())


@pytest.mark.parametrize("name", APPS)
def test_a_page_names_the_version_that_the_tests_run(name):
    package = {"jupyter": "jupyterlab"}.get(name, name)
    (said,) = re.findall(r"^Run with \w+ ([0-9.]+)[, ]", PAGES[name], re.MULTILINE)

    assert (package, said) in set(versions())


def test_a_page_of_an_app_that_no_test_runs_does_not_say_so():
    for name in OF_APPS:
        if name not in APPS:
            assert "Run with" not in PAGES[SHARED.get(name, name)]
