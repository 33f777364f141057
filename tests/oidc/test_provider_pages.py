"""The pages under docs/providers/: each profile has one, and what they show is right."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.oidc.profiles import PROFILES
from gateway.settings.providers import Profile
from tests.fixtures.certificates import Authority

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs/providers/index.md").read_text()
ROWS = re.findall(r"^\| \[.+?\]\(([a-z0-9-]+)\.md\) \| (.+) \|$", INDEX, re.MULTILINE)
PAGES = {page: (ROOT / f"docs/providers/{page}.md").read_text() for page, _ in ROWS}
SEEN = {"documentation": "documentation", "imitated": "imitated from", "run": "run against"}


def cells(row):
    """The cells of a row of the index, after the name."""
    profile, kind, groups, refresh, sign_out, seen = row.split(" | ")
    return {
        "profile": re.findall("`(.+?)`", profile),
        "type": kind,
        "groups": groups,
        "refresh": refresh,
        "sign_out": sign_out,
        "seen": seen,
    }


def provider_of(page):
    block = re.search(r"```yaml\n(.*?)```", PAGES[page], re.DOTALL)[1]
    ((name, provider),) = yaml.safe_load(block)["providers"].items()
    return block, name, provider


def test_every_profile_has_a_page():
    listed = {name for _, row in ROWS for name in cells(row)["profile"]}

    assert listed == set(get_args(Profile))


@pytest.mark.parametrize(("page", "row"), ROWS, ids=list(PAGES))
def test_a_page_and_its_row_say_the_same(page, row):
    said, (_, name, provider) = cells(row), provider_of(page)

    assert provider.get("profile", "generic") == said["profile"][0]
    assert provider.get("type", "oidc") == said["type"]
    assert f"/_gatepost/callback/{name}`" in PAGES[page]
    scopes = provider.get("scopes", ())
    assert ("offline_access" in scopes) is (said["refresh"] == "`offline_access`")
    if said["groups"] == "none":
        assert not PROFILES[said["profile"][0]].claims.groups
    assert ("/_gatepost/backchannel-logout/" in PAGES[page]) <= (said["sign_out"] != "no")


@pytest.mark.parametrize(("page", "row"), ROWS, ids=list(PAGES))
def test_what_was_seen_is_what_a_test_runs(page, row):
    seen = cells(row)["seen"]
    told = PAGES[page].partition("**Seen:** ")[2].replace("\n", " ")

    assert SEEN[seen] in told
    named = re.findall(r"`(tests/\S+)`", told)
    assert named or seen == "documentation"
    assert all((ROOT / it).exists() for it in named)


@pytest.mark.parametrize("page", PAGES)
def test_gatepost_check_finds_nothing_to_say_of_a_page(page, tmp_path):
    text, _, _ = provider_of(page)
    secret = tmp_path / "secret"
    secret.write_text("a-secret-that-is-long-enough-for-everything\n")
    secret.chmod(0o600)
    key = Authority(tmp_path).issue("key").key
    text = re.sub(r"/run/secrets/\w+_key\b", str(key), text)
    text = re.sub(r"/run/secrets/\w+", str(secret), text)
    (tmp_path / "gatepost.yaml").write_text(text)

    config = str(tmp_path / "gatepost.yaml")
    result = CliRunner().invoke(check_command, ["-c", config, "--strict"], env={})

    assert result.exit_code == 0, result.output
