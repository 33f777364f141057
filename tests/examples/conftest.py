"""A copy of `examples/compose` whose secrets are made, for what the examples start."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.examples.compose import COMPOSE, FILES


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, after `make-secrets` has run for each of them."""
    directory = tmp_path_factory.mktemp("site") / "compose"
    shutil.copytree(COMPOSE, directory)
    for name in FILES:
        subprocess.run(
            [directory / "make-secrets", name],
            env={"PATH": os.environ["PATH"], "SECRETS_GROUP": str(os.getgid())},
            check=True,
            capture_output=True,
        )
    return directory
