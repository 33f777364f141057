"""What is in dist/ works outside of the checkout, however people install it."""

import hashlib
import json
import re
import subprocess
import sys
import tomllib

import pytest

import gateway
from tests.fixtures.installed import assert_runs
from tests.release.conftest import DIST, ROOT, TOOLS, one

ARCHIVES = ("gatepost-*.tar.gz", "gatepost-*-py3-none-any.whl", "gatepost-*-cp3*.whl")


def version_of(command, folder):
    # Without PYTHONPATH, which could name the checkout.
    shown = subprocess.run(
        [command, "--version"], cwd=folder, env={}, capture_output=True, text=True
    )
    assert shown.returncode == 0, shown.stderr
    return shown.stdout.strip()


def test_the_checksums_are_those_of_every_file():
    lines = (DIST / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}

    there = {path.name: path for path in DIST.iterdir() if path.name != "SHA256SUMS"}
    assert listed == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()
    }
    assert any(name.endswith(".whl") for name in listed)


@pytest.mark.parametrize("pattern", ARCHIVES)
def test_it_installs_and_runs(pattern, home, ran_in, tmp_path):
    ran_in("uv", "venv", "--quiet", "--python", sys.executable, home / "venv")
    python = home / "venv" / "bin" / "python"
    ran_in("uv", "pip", "install", "--quiet", "--python", python, one(pattern))

    command = python.with_name("gatepost")
    kind = "compiled" if "-cp3" in pattern else "interpreted"
    assert version_of(command, home).endswith(f"{gateway.__version__} ({kind})")
    assert_runs([command], tmp_path)


@pytest.mark.parametrize(
    "install",
    [
        pytest.param(["uv", "tool", "install", "--python", sys.executable], id="uv"),
        pytest.param(["pipx", "install", "--python", sys.executable], id="pipx"),
    ],
)
def test_it_installs_from_the_repository(install, home, ran_in, tmp_path):
    ran_in(*install, f"git+file://{ROOT}")

    command = home / ".local" / "bin" / "gatepost"
    assert gateway.__version__ in version_of(command, home)
    assert_runs([command], tmp_path)


def test_the_bill_of_materials_is_valid_and_holds_every_locked_package():
    bill = one("*.cdx.json")
    told = (
        "import sys; from cyclonedx.schema import SchemaVersion;"
        " from cyclonedx.validation.json import JsonStrictValidator;"
        " sys.exit(str(JsonStrictValidator(SchemaVersion.V1_6)"
        ".validate_str(sys.stdin.read()) or ''))"
    )
    judged = subprocess.run(
        [TOOLS / "python", "-c", told], input=bill.read_bytes(), capture_output=True
    )
    held = json.loads(bill.read_text())

    assert judged.stderr.strip() == b""
    lock = (ROOT / "requirements" / "runtime.lock").read_text()
    locked = set(re.findall(r"^([a-z0-9-]+==[^ ]+)", lock, re.MULTILINE))
    assert {part["bom-ref"] for part in held["components"]} == locked
    # Every package is there for a reason: the gateway's, or another package's.
    needs = {edge["ref"]: edge.get("dependsOn", []) for edge in held["dependencies"]}
    reached, found = set(), [f"gatepost=={gateway.__version__}"]
    while found:
        ref = found.pop()
        found += set(needs[ref]) - reached
        reached |= set(needs[ref])
    assert reached == locked


def test_the_release_has_a_licence_and_a_readme():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    for pattern in ARCHIVES[1:]:
        with_metadata = subprocess.run(
            [sys.executable, "-m", "zipfile", "-l", one(pattern)], capture_output=True, text=True
        ).stdout
        assert all(f"licenses/{name}" in with_metadata for name in project["license-files"])
