"""Real Caddy and Traefik take the examples' configuration, which is that of the tested guide."""

import os
import re
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.examples.compose import COMPOSE, ROOT, networks, read
from tests.fixtures.network import take_free_port
from tests.fixtures.processes import require_tool, terminate, wait_until

GUIDE = ROOT / "docs" / "guides" / "forward-auth.md"
CADDYFILES = sorted(COMPOSE.glob("*/Caddyfile"))


def program(name):
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", tools)
        return require_tool(name)


def guided(language, beginning):
    """The guide's block that begins so; tests/proxies/ runs it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(beginning)]
    return found


def test_the_examples_are_the_guide_for_another_host():
    caddy = guided("caddy", "app.example.com {").replace("app.example.com", "http://localhost:8080")
    caddy = caddy.replace("gatepost:8080", "gateway:8080")
    traefik = guided("yaml", "http:").replace("app.example.com", "localhost")
    traefik = traefik.replace("gatepost:8080", "gateway:8080")

    assert (COMPOSE / "caddy" / "Caddyfile").read_text().endswith(caddy)
    comment, _, rest = (COMPOSE / "traefik" / "dynamic.yaml").read_text().partition("\n")
    assert (comment[0], rest) == ("#", traefik)


every_proxy = pytest.mark.parametrize(
    ("name", "image"),
    [
        ("compose.caddy.yaml", "caddy"),
        ("compose.two-gateways.yaml", "caddy"),
        ("compose.traefik.yaml", "traefik"),
    ],
)


@every_proxy
def test_the_proxy_names_services_that_it_reaches(name, image):
    compose = read(name)
    proxy = compose["services"]["proxy"]
    text = (COMPOSE / proxy["volumes"][0].partition(":")[0]).read_text()

    named = set(re.findall(r"\b([a-z][a-z0-9-]*):(?:8080|3000)\b", text)) - {"localhost"}

    assert named >= ({"gateway", "app"} if "asking" in compose["networks"] else {"gateway-1"})
    for service in named:
        assert networks(compose["services"][service]) & networks(proxy), service


@every_proxy
def test_the_images_are_of_the_version_that_is_tested(name, image):
    shown = subprocess.run([program(image), "version"], capture_output=True, text=True).stdout

    tag = read(name)["services"]["proxy"]["image"].partition(":")[2]
    assert tag.removesuffix("-alpine").removeprefix("v") in re.findall(r"[0-9.]+", shown)


@pytest.mark.parametrize("path", CADDYFILES, ids=lambda it: it.parent.name)
def test_caddy_takes_the_file(path, tmp_path):
    done = subprocess.run(
        [program("caddy"), "validate", "--adapter", "caddyfile", "--config", path],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "Valid configuration" in done.stdout + done.stderr


def status(port, path, host="localhost:8080"):
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_traefik_takes_the_file_and_its_health_check_works(tmp_path):
    service = read("compose.traefik.yaml")["services"]["proxy"]
    mounted, inside, _ = service["volumes"][0].split(":")
    web, ping = take_free_port(), take_free_port()
    dynamic = tmp_path / "dynamic.yaml"
    here = f"127.0.0.1:{take_free_port()}"
    dynamic.write_text(re.sub("(gateway|app):[0-9]+", here, (COMPOSE / mounted).read_text()))
    places = {
        inside: str(dynamic),
        "web.address=:8080": f"web.address=127.0.0.1:{web}",
        "127.0.0.1:8081": f"127.0.0.1:{ping}",
    }

    def placed(arguments):
        for place, here in places.items():
            arguments = [it.replace(place, here) for it in arguments]
        return arguments

    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program("traefik"), *placed(service["command"])],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        # Nothing is there to ask, so Traefik lets nobody pass; without its routes it says 404.
        wait_until(lambda: status(web, "/") in (500, 502), process, "traefik")
        health = placed(service["healthcheck"]["test"][1:])
        checked = subprocess.run([program(health[0]), *health[1:]], capture_output=True, text=True)
        assert (checked.returncode, checked.stdout.strip()[:3]) == (0, "OK:"), checked
        assert status(web, "/_gatepost/auth") != 200
        # The app's own /ping, not Traefik's.
        assert status(web, "/ping") in (500, 502)
    except RuntimeError as error:
        pytest.fail(f"{error}; it wrote:\n{log.read_text()}", pytrace=False)
    finally:
        terminate(process, "traefik")
