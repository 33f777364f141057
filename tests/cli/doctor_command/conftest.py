"""Gateways for `gatepost doctor` to look at."""

import pytest
import yaml

from tests.cli.doctor_command.run import OK
from tests.fixtures.gateway import SECRET
from tests.fixtures.network import take_free_port


@pytest.fixture
def configured(tmp_path):
    """Write a configuration whose gateway does not run."""

    def write(**changes):
        path = tmp_path / "gatepost.yaml"
        settings = {
            "public_url": f"http://127.0.0.1:{take_free_port()}",
            "server": {"admin_listen": f"127.0.0.1:{take_free_port()}"},
            "secret": SECRET,
            "data_dir": str(tmp_path / "data"),
            "upstreams": {"app": f"http://127.0.0.1:{take_free_port()}"},
            **changes,
        }
        path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if v is not None}))
        return path

    return write


@pytest.fixture
async def app_url(raw_upstream):
    return (await raw_upstream(OK)).url


@pytest.fixture
def serve(gateway_process, app_url):
    """Start a gateway in front of an app."""

    def start(public_url=None, listen=None, **settings):
        listen = listen or f"127.0.0.1:{take_free_port()}"
        server = {"listen": listen, **settings.pop("server", {})}
        return gateway_process(
            {
                "public_url": public_url or f"http://{listen}",
                "server": server,
                "upstreams": {"app": app_url},
                **settings,
            }
        )

    return start
