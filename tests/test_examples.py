"""The examples are right: what they start exists, and the gateway takes the settings they give."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.settings.load import load
from tests.fixtures.processes import require_tool

EXAMPLES = Path(__file__).parents[1] / "examples"
COMPOSE = EXAMPLES / "compose"
# tests/examples/ looks at the others.
FILES = {"compose.standalone.yaml": "standalone.env.example"}

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
HAS_SECRET = re.compile(r"(?i)secret|password|token|_key$")


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


compose_files = pytest.mark.parametrize("name", FILES)


@compose_files
def test_what_a_service_refers_to_exists(name):
    compose = read(name)

    for service in compose["services"].values():
        assert set(service.get("depends_on", {})) <= set(compose["services"])
        assert set(service["networks"]) <= set(compose["networks"])
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert (
                (COMPOSE / source).is_file() if source[0] == "." else source in compose["volumes"]
            )
        for needed, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][needed]
        if "build" in service:
            assert (COMPOSE / service["build"] / "Dockerfile").is_file()


@compose_files
def test_no_secret_has_a_default(name):
    text = (COMPOSE / name).read_text()

    for service in read(name)["services"].values():
        for variable, value in service.get("environment", {}).items():
            if HAS_SECRET.search(variable):
                assert VARIABLE.fullmatch(value), variable
    for variable, kind, default in VARIABLE.findall(text):
        if HAS_SECRET.search(variable):
            assert (kind, default) == ("?", "set it in .env"), variable


@compose_files
def test_the_example_of_env_names_every_variable_and_gives_nothing_away(name):
    lines = (COMPOSE / FILES[name]).read_text().splitlines()
    wanted = set(re.findall(r"^#?(\w+)=", "\n".join(lines), re.MULTILINE))
    used = {found[0]: found[1] for found in VARIABLE.findall((COMPOSE / name).read_text())}

    assert wanted == set(used)
    for variable, kind in used.items():
        assert (f"{variable}=" in lines) == (kind == "?"), variable


@compose_files
def test_every_image_is_named_with_a_version(name):
    for service in read(name)["services"].values():
        image = service["image"]
        assert image == "gatepost" or VARIABLE.fullmatch(image) or ":" in image
        assert not image.endswith(":latest")


@compose_files
def test_the_gateway_has_no_rights_it_does_not_need(name):
    gateway = read(name)["services"]["gateway"]

    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["security_opt"] == ["no-new-privileges:true"]
    assert int(gateway["stop_grace_period"].removesuffix("s")) > 30


@compose_files
def test_the_app_and_its_database_are_reached_through_the_gateway_only(name):
    compose = read(name)
    inside = {
        network for network, options in compose["networks"].items() if options.get("internal")
    }

    for service_name in {"app", "backend", "database"} & set(compose["services"]):
        service = compose["services"][service_name]
        assert "ports" not in service
        assert set(service["networks"]) <= inside


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


def test_the_gateway_of_the_site_takes_its_file():
    compose = read("compose.yaml")
    dex = read("dex.yaml")
    gateway = environment(compose["services"]["gateway"])
    gateway.pop("GATEPOST_CONFIG")

    settings = load(COMPOSE / "gatepost.yaml", gateway).settings

    host = settings.upstreams["grafana"].url.removeprefix("http://").partition(":")[0]
    assert host in compose["services"]
    provider = settings.providers["dex"]
    assert provider.issuer == dex["issuer"]
    assert provider.client_id == dex["staticClients"][0]["id"]
    callback = f"{settings.public_url[0]}/_gatepost/callback/dex"
    assert dex["staticClients"][0]["redirectURIs"] == [callback]
    alias = compose["services"]["provider"]["networks"]["front"]["aliases"][0]
    assert provider.issuer.startswith(f"http://{alias}:")


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
