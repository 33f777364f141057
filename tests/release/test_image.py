"""The image without a system, as scripts/image-size left it in build/image, run as its own root."""

import shutil
import subprocess

from tests.fixtures.installed import assert_runs
from tests.fixtures.processes import require_tool
from tests.release.conftest import ROOT

IMAGE = ROOT / "build" / "image"


def inside(tree):
    """A command that sees nothing but what is in the image."""
    root = [require_tool("unshare"), "--map-root-user", f"--root={tree}", "--wd=/"]
    return [*root, IMAGE / "gatepost" / "bin" / "gatepost"]


def test_it_runs_with_nothing_but_what_it_holds(tmp_path):
    # What the gateway writes stays in this copy.
    tree = tmp_path / "tree"
    shutil.copytree(IMAGE / "tree", tree, symlinks=True)
    (tree / "data").mkdir(mode=0o700)

    assert_runs(inside(tree), tmp_path, data="/data")


def test_every_command_has_its_modules(tmp_path):
    shown = subprocess.run([*inside(IMAGE / "tree"), "--help"], capture_output=True, text=True)

    assert shown.returncode == 0, shown.stderr
    assert "serve" in shown.stdout


def test_it_has_no_shell_and_no_other_program():
    programs = {
        path.name
        for path in (IMAGE / "tree").rglob("bin/*")
        if path.is_file() and not path.name.startswith("python")
    }

    assert programs == {"gatepost"}
