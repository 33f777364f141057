"""Commands on the store a gateway would use."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.builders import SECRET


@pytest.fixture
def run_command(tmp_path) -> Callable[..., Result]:
    """Run a group's command: ``run_command(keys_command, "list", api_keys={})``; None: not set."""

    def run(group, name, *arguments, **changes: Any) -> Result:
        settings = {
            "public_url": "https://notes.example.com",
            "secret": SECRET.decode(),
            "data_dir": str(tmp_path / "data"),
            "upstreams": {"app": "http://127.0.0.1:1"},
            "providers": {"oidc": {"issuer": "https://id.test", "client_id": "notes"}},
            **changes,
        }
        path = tmp_path / "gatepost.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if v is not None}))
        return CliRunner().invoke(group, [name, "-c", str(path), *arguments])

    return run
