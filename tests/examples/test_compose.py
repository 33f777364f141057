"""The compose files are right: what they name exists, and only what must be reachable is."""

import re

import pytest

from tests.examples.compose import COMPOSE, FILES, VARIABLE, gateways, internal, networks, read

every_file = pytest.mark.parametrize("name", FILES)
ENV = {"compose.yaml": ".env.example"}
# Reached by browsers, beside the gateway.
OUTSIDE = {"gateway", "proxy", "provider"}


def words(value):
    """Every text inside `value`."""
    if isinstance(value, dict):
        return [word for it in (*value, *value.values()) for word in words(it)]
    return [word for it in value for word in words(it)] if isinstance(value, list) else [str(value)]


@every_file
def test_what_a_service_names_is_declared_and_what_is_declared_is_used(name):
    compose = read(name)
    services = compose["services"].values()

    volumes = [it.split(":") for service in services for it in service.get("volumes", [])]
    files = {source for source, *_ in volumes if source.startswith(".")}
    assert all((COMPOSE / source).is_file() for source in files)
    assert {source for source, *_ in volumes} - files == set(compose["volumes"])
    assert all(mode == ["ro"] for source, _, *mode in volumes if source in files)
    assert {it for service in services for it in networks(service)} == set(compose["networks"])
    given = [it for service in services for it in service.get("secrets", [])]
    assert set(given) == set(compose.get("secrets", {}))
    for secret, options in compose.get("secrets", {}).items():
        assert options == {"file": f"./secrets/{secret}"}
    for service in services:
        if "build" in service:
            assert (COMPOSE / service["build"] / "Dockerfile").is_file()


@every_file
def test_a_service_gets_the_secrets_that_it_reads_and_no_other(name):
    for service in read(name)["services"].values():
        mounted = [it.split(":")[0] for it in service.get("volumes", [])]
        text = "\n".join(words(service))
        for source in mounted:
            if source.startswith(".") and not source.endswith("databases.sh"):
                text += (COMPOSE / source).read_text()
        read_ones = set(re.findall(r"/run/secrets/([a-z_]+)", text))
        environment = service.get("environment", {})
        # Read by databases.sh.
        read_ones |= {
            f"{it}_database_password"
            for it in environment.get("DATABASES", "").split()
            if f"{it}_DATABASE_PASSWORD".upper() not in environment
        }
        assert read_ones == set(service.get("secrets", []))
        # The files are readable for the gateway's group, and for root.
        if read_ones and service["image"] != "gatepost" and "logto" not in service["image"]:
            assert service.get("group_add") == ["65532"] or environment["PGID"] == "65532"


@every_file
def test_a_service_waits_until_those_that_it_needs_are_healthy(name):
    services = read(name)["services"]

    for service in services.values():
        for needed, how in service.get("depends_on", {}).items():
            has_check = "healthcheck" in services[needed]
            assert how["condition"] in (
                ("service_healthy",) if has_check else ("service_started",)
            ) or (needed == "worker")


@every_file
def test_no_service_can_gain_rights(name):
    for service in read(name)["services"].values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("privileged")
        assert "docker.sock" not in str(service)


@every_file
def test_the_gateway_has_no_rights_that_it_does_not_need(name):
    found = gateways(read(name))

    assert found
    for gateway in found.values():
        assert gateway["read_only"] is True
        assert gateway["cap_drop"] == ["ALL"]
        assert gateway["healthcheck"]["test"] == ["CMD", "gatepost", "healthcheck"]
        assert int(gateway["stop_grace_period"].removesuffix("s")) > 30


@every_file
def test_only_what_browsers_need_is_published_and_only_on_this_machine(name):
    compose = read(name)
    published = {it for it, service in compose["services"].items() if "ports" in service}

    assert published <= OUTSIDE
    for it in published:
        assert all(port.startswith("127.0.0.1:") for port in compose["services"][it]["ports"])
        # A port of a service that is on internal networks only is published in vain.
        assert networks(compose["services"][it]) - internal(compose)
    assert published or name == "compose.pod.yaml"


@every_file
def test_the_app_and_the_database_are_reached_through_the_gateway_only(name):
    compose = read(name)
    services = compose["services"]
    hidden = set(services) - OUTSIDE - set(gateways(compose))

    assert hidden
    for it in hidden:
        assert networks(services[it]) <= internal(compose)
    # With forward-auth, the proxy forwards.
    in_front = set(gateways(compose)) if "asking" not in compose["networks"] else {"proxy"}
    for it in {"app", "backend"} & hidden:
        beside = {
            other
            for other, service in services.items()
            if networks(service) & networks(services[it]) and other not in (it, "database")
        }
        assert beside == in_front


@every_file
def test_every_image_is_named_with_a_version(name):
    for service in read(name)["services"].values():
        image = service["image"]
        assert image == "gatepost" or re.fullmatch(r"[\w./-]+:v?[0-9][\w.-]*", image), image


@every_file
def test_no_secret_has_a_default(name):
    for variable, kind, default in VARIABLE.findall((COMPOSE / name).read_text()):
        if re.search(r"(?i)secret|password|token|key$", variable):
            assert (kind, default) == ("?", "set it in .env"), variable
    for service in read(name)["services"].values():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"(?i)(secret|password|token|_key)$", variable):
                assert re.search(f"/run/secrets/|{'0123456789abcdef' * 2}", str(value)), variable


@every_file
def test_the_example_of_env_names_every_variable_and_gives_nothing_away(name):
    used = {found[0]: found[1] for found in VARIABLE.findall((COMPOSE / name).read_text())}
    example = COMPOSE / ENV.get(
        name, name.removeprefix("compose.").removesuffix("yaml") + "env.example"
    )

    assert example.is_file() == bool(used)
    lines = example.read_text().splitlines() if used else []
    assert set(re.findall(r"^#?(\w+)=", "\n".join(lines), re.MULTILINE)) == set(used)
    for variable, kind in used.items():
        assert (f"{variable}=" in lines) == (kind == "?"), variable


@every_file
def test_the_head_says_how_to_start_it(name):
    head = (COMPOSE / name).read_text().partition("services:")[0]

    options = "" if name == "compose.yaml" else f" -f {name}"
    assert f"#   docker compose{options} up --build" in head
    example = re.search(r"cp (\S*env\.example) \.env", head)
    used = VARIABLE.search((COMPOSE / name).read_text())
    assert bool(used) == bool(example)
    assert example is None or (COMPOSE / example[1]).is_file()
    assert (f"sudo ./make-secrets {name}" in head) == ("secrets:" in (COMPOSE / name).read_text())
