"""The pod, the site without a provider and the units; tests/examples/ looks at the others."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import yaml
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.settings.load import load
from tests.fixtures.processes import require_tool

EXAMPLES = Path(__file__).parents[1] / "examples"
COMPOSE = EXAMPLES / "compose"

# Values for the variables that .env must set.
FILLED_IN = {
    "APP_DATABASE_PASSWORD": "d4tabase",
    "BACKEND_IMAGE": "example/notes:1",
    "DATABASE_PASSWORD": "d4tabase",
    "GATEPOST_DATABASE_PASSWORD": "d4tabase",
    "GATEPOST_SECRET": "0123456789abcdef0123456789abcdef",
    "OIDC_CLIENT_ID": "notes",
    "OIDC_CLIENT_SECRET": "s3cret",
    "OIDC_ISSUER": "https://id.example.com",
    "POSTGRES_PASSWORD": "d4tabase",
    "PUBLIC_URL": "https://notes.example.com",
    "USER_EMAIL": "alice@example.com",
    "USER_PASSWORD_HASH": "$2y$10$hash",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def read(name):
    return yaml.safe_load((COMPOSE / name).read_text())


def environment(service):
    """A service's environment as the container would see it, with .env filled in."""

    def value(found):
        name, kind, default = found.groups()
        if name in FILLED_IN:
            return FILLED_IN[name]
        assert kind == "-", f"${{{name}}} has no value"
        return default

    return {name: VARIABLE.sub(value, str(text)) for name, text in service["environment"].items()}


def test_nothing_of_the_pod_is_published_and_everything_is_confined():
    for service in read("compose.pod.yaml")["services"].values():
        assert "ports" not in service
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "/tmp" in service["tmpfs"]


def test_the_gateway_of_the_pod_takes_its_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compose = read("compose.pod.yaml")

    loaded = load(None, environment(compose["services"]["gateway"]))

    settings = loaded.settings
    assert settings.auth_mode == "oidc-only"
    assert settings.public_url == ("https://notes.example.com",)
    assert settings.providers["oidc"].issuer == "https://id.example.com"
    assert settings.secret == (FILLED_IN["GATEPOST_SECRET"],)
    host = settings.upstreams["app"].url.removeprefix("http://").partition(":")[0]
    assert host in compose["services"]
    assert settings.server.trusted_proxies == ()
    assert settings.upstreams["app"].wake_timeout > 0
    assert settings.store.startswith("postgresql://gatepost:d4tabase@database/")


def test_the_gateway_without_a_provider_takes_its_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compose = read("compose.standalone.yaml")
    given = environment(compose["services"]["gateway"])

    settings = load(None, given).settings

    assert (settings.auth_mode, settings.providers) == ("standalone", {})
    host = settings.upstreams["app"].url.removeprefix("http://").partition(":")[0]
    assert host in compose["services"]
    app = environment(compose["services"][host])
    assert app["GF_SERVER_ROOT_URL"] == f"{settings.public_url[0]}/"
    checked = CliRunner().invoke(check_command, [], env=given)
    assert (checked.exit_code, checked.output[:15]) == (0, "environment: ok"), checked.output


def test_the_site_without_a_provider_needs_nothing_outside():
    compose = read("compose.standalone.yaml")

    assert set(compose["services"]) == {"gateway", "app", "database"}
    published = {name: it["ports"] for name, it in compose["services"].items() if "ports" in it}
    assert published == {"gateway": ["127.0.0.1:8080:8080"]}
    mounted = [it for service in compose["services"].values() for it in service.get("volumes", [])]
    assert {it.partition(":")[0] for it in mounted} == set(compose["volumes"])
    # The environment of Grafana's database is the one that Grafana is told.
    app, database = (environment(compose["services"][name]) for name in ("app", "database"))
    for one, other in (("NAME", "DB"), ("USER", "USER"), ("PASSWORD", "PASSWORD")):
        assert app[f"GF_DATABASE_{one}"] == database[f"POSTGRES_{other}"]


def test_the_systemd_unit_has_only_known_sections_and_starts_serve():
    unit = configparser.ConfigParser(strict=False)
    unit.optionxform = str
    unit.read(EXAMPLES / "systemd" / "gatepost.service")

    assert unit.sections() == ["Unit", "Service", "Install"]
    assert " serve -c " in unit["Service"]["ExecStart"]
    assert unit["Service"]["DynamicUser"] == "yes"
    assert int(unit["Service"]["TimeoutStopSec"]) > 30
    assert unit["Service"]["Type"] == "notify"


def test_systemd_accepts_the_units(tmp_path):
    for name in ("gatepost.service", "gatepost.socket"):
        text = (EXAMPLES / "systemd" / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/gatepost/bin/gatepost", sys.executable))

    verified = subprocess.run(
        [require_tool("systemd-analyze"), "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        timeout=60,
    )

    # It verifies what the units refer to, too.
    assert not [line for line in verified.stderr.splitlines() if "gatepost" in line]
    assert verified.returncode == 0
