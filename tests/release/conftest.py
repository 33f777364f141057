"""What `make test-dist` tests: dist/ as `make dist` and `make deb` left it, installed for real.

Not part of `make test`: it downloads the packages of the lock, and takes minutes.
"""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
TOOLS = ROOT / "build" / "release" / "bin"

collect_ignore_glob = [] if os.environ.get("TEST_DIST") else ["test_*.py"]


def one(pattern: str) -> Path:
    """The one file of dist/ with this pattern."""
    (found,) = DIST.glob(pattern)
    return found


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory without anything, outside of the checkout."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def ran_in(home: Path):
    """Runs a command of build/release/bin in that home; gives its standard output."""

    def run(name: str, *arguments: str | Path) -> str:
        environment = {
            "HOME": str(home),
            "PATH": f"{TOOLS}:{os.environ['PATH']}",
            # That the request's path compiles is tested elsewhere.
            "GATEPOST_COMPILE": "0",
        }
        # Where packages come from, on machines that have a mirror of their own.
        names = [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_"))]
        environment |= {name: os.environ[name] for name in names}
        done = subprocess.run(
            [TOOLS / name, *arguments], cwd=home, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
