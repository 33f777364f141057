"""Gitea: one error for a wrong secret and an unknown code."""

import json
import subprocess
import sys

import pytest

from tests.fixtures.gateway import clean_environment


@pytest.mark.parametrize("kind", ["gitea"], indirect=True, scope="session")
@pytest.mark.parametrize(("secret", "level"), [({}, "ok"), ({"client_secret": "x" * 40}, "error")])
async def test_doctor_tells_whether_the_secret_is_right(start, secret, level):
    world = await start(**secret)
    command = [sys.executable, "-m", "gateway", "doctor", "-c", str(world.gateway.config_path)]

    done = subprocess.run([*command, "--json"], capture_output=True, env=clean_environment({}))

    found = {it["id"]: it["level"] for it in json.loads(done.stdout)}
    assert found["provider-client-secret"] == level
