"""How a gateway comes up."""

import socket

import yaml

from gateway.assembly.worker import Gateway
from gateway.server.admin import serve_admin
from gateway.settings.load import load
from tests.dataplane.harness import settings_of


async def test_whoever_is_told_that_it_lives_can_connect(tmp_path, monkeypatch):
    path = settings_of(tmp_path, {"upstreams": {"app": "http://127.0.0.1:9"}})
    host, port = yaml.safe_load(path.read_text())["server"]["listen"].split(":")

    async def serve(*arguments):
        # Refused if nobody listens there yet.
        socket.create_connection((host, int(port))).close()
        return await serve_admin(*arguments)

    monkeypatch.setattr("gateway.assembly.worker.serve_admin", serve)
    gateway = Gateway(load(path, {}).settings)

    await gateway.start()

    await gateway.stop()
