"""The gateway takes the configuration of each example, and fits what stands around it there."""

import json
import os
import re
import shutil
import stat
import subprocess
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.cli.explain import explain_command
from gateway.settings.load import load
from tests.examples.compose import COMPOSE, FOLDERS, ROOT, SOMETHING, gateways, networks, read
from tests.fixtures.postgres import PASSWORD, postgres_server

__all__ = ["postgres_server"]

GUIDES = ROOT / "docs" / "guides"
every_folder = pytest.mark.parametrize("folder", FOLDERS)
# What `check` warns of, and the comment there explains.
WARNINGS = {"two-gateways": ["server.admin_listen"]}


def prepared(site, folder):
    """The gateway's file with its secrets where the test has them, and its environment."""
    text = (site / folder / "gatepost.yaml").read_text()
    (site / folder / "here.yaml").write_text(text.replace("/run/secrets/", f"{site}/secrets/"))
    compose = read(f"compose.{folder}.yaml")
    gateway = next(iter(gateways(compose).values()))
    given = gateway["environment"]
    mounted = [it.split(":")[:2] for it in gateway["volumes"]]
    assert [f"./{folder}/gatepost.yaml", given["GATEPOST_CONFIG"]] in mounted
    environment = {it: value for it, value in given.items() if it != "GATEPOST_CONFIG"}
    environment |= {"OIDC_CLIENT_ID": "notes", "GATEPOST_DATA_DIR": str(site / "data")}
    return compose, gateway, site / folder / "here.yaml", environment


def test_the_pod_is_configured_by_its_environment_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gateway = read("compose.pod.yaml")["services"]["gateway"]
    environment = {name: str(value) for name, value in gateway["environment"].items()}
    environment["GATEPOST_DATA_DIR"] = str(tmp_path)

    assert not any(it.startswith(".") for it in gateway.get("volumes", []))
    checked = CliRunner().invoke(check_command, [], env=environment)
    assert (checked.exit_code, checked.stderr) == (0, "")
    shown = checked.stdout.replace(str(tmp_path), "/var/lib/gatepost")
    assert shown in (GUIDES / "pod.md").read_text()


def host_of(url):
    return urlsplit(url).hostname


@every_folder
def test_check_takes_it_and_the_guide_shows_what_check_prints(folder, site):
    _, _, path, environment = prepared(site, folder)

    checked = CliRunner().invoke(check_command, ["-c", str(path)], env=environment)

    assert checked.exit_code == 0, checked.output
    warnings = re.findall(r"^warning: \S+ ([\w.]+):", checked.stderr, re.MULTILINE)
    assert warnings == WARNINGS.get(folder, [])
    shown = checked.stdout.replace(str(path), "/etc/gatepost/gatepost.yaml")
    assert shown in (GUIDES / f"{folder}.md").read_text()


@every_folder
def test_what_the_gateway_calls_is_on_a_network_of_its_own(folder, site):
    compose, gateway, path, environment = prepared(site, folder)
    settings = load(path, environment).settings

    def reachable(host):
        return networks(gateway) & networks(compose["services"][host])

    assert settings.public_url == ("http://localhost:8080",)
    assert (upstream := host_of(settings.upstreams["app"].url)) == "app"
    # With forward-auth, the proxy calls the app.
    assert bool(reachable(upstream)) is (settings.forward_auth is None)
    if settings.store.startswith("postgresql"):
        assert reachable(host_of(settings.store))
        database = compose["services"][host_of(settings.store)]
        assert "gatepost" in database["environment"]["DATABASES"].split()
    (provider,) = settings.providers.values()
    if "provider" in compose["services"]:
        shared = reachable("provider")
        beside = compose["services"]["provider"]["networks"]
        aliases = [it for one in shared for it in (beside[one] or {}).get("aliases", [])]
        assert aliases == [host_of(provider.issuer)]
        port = urlsplit(provider.issuer).port
        assert f"127.0.0.1:{port}:{port}" in compose["services"]["provider"]["ports"]
    else:
        internal = {it for it in networks(gateway) if compose["networks"][it].get("internal")}
        assert networks(gateway) - internal


@pytest.mark.parametrize("folder", ["caddy", "traefik", "two-gateways"])
def test_the_address_of_the_proxy_is_the_one_that_is_trusted(folder, site):
    compose, _, path, environment = prepared(site, folder)
    (trusted,) = load(path, environment).settings.server.trusted_proxies

    fixed = [
        (network, options["ipv4_address"])
        for network, options in compose["services"]["proxy"]["networks"].items()
        if options
    ]

    assert [ip_network(address) for _, address in fixed] == [trusted]
    (subnet,) = compose["networks"][fixed[0][0]]["ipam"]["config"]
    assert ip_address(fixed[0][1]) in ip_network(subnet["subnet"])


def test_secrets_are_random_and_readable_for_the_group_alone(site):
    made = list((site / "secrets").iterdir())

    assert len(made) > 5
    assert len({it.read_text() for it in made}) == len(made)
    for it in made:
        assert re.fullmatch("[0-9a-f]{64}", it.read_text())
        assert stat.S_IMODE(it.stat().st_mode) == 0o440


def test_secrets_that_are_there_stay(site):
    before = {it.name: it.read_text() for it in (site / "secrets").iterdir()}

    again = subprocess.run(
        [site / "make-secrets", "compose.keycloak.yaml"],
        env={"PATH": os.environ["PATH"], "SECRETS_GROUP": str(os.getgid())},
        capture_output=True,
        text=True,
    )

    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert {it.name: it.read_text() for it in (site / "secrets").iterdir()} == before


@every_folder
def test_the_guide_shows_which_secrets_are_made(folder, tmp_path):
    name = f"compose.{folder}.yaml"
    for it in ("make-secrets", name):
        shutil.copy(COMPOSE / it, tmp_path)

    made = subprocess.run(
        [tmp_path / "make-secrets", name],
        env={"PATH": os.environ["PATH"], "SECRETS_GROUP": str(os.getgid())},
        capture_output=True,
        text=True,
        check=True,
    )

    shown = f"$ sudo ./make-secrets {name}\n{made.stdout}"
    assert shown in (GUIDES / f"{folder}.md").read_text()


class Blueprint(yaml.SafeLoader):
    """Reads authentik's tags as (tag, what stands there)."""


def tagged(loader, suffix, node):
    construct = (
        loader.construct_scalar
        if isinstance(node, yaml.ScalarNode)
        else lambda it: loader.construct_sequence(it, deep=True)
    )
    return suffix, construct(node)


Blueprint.add_multi_constructor("!", tagged)


def registrations(folder, site):
    _, _, path, environment = prepared(site, folder)
    checked = CliRunner().invoke(check_command, ["--json", "-c", str(path)], env=environment)
    (found,) = json.loads(checked.stdout)["register"]
    return found


def test_the_client_in_the_realm_of_keycloak_is_the_gateway(site):
    realm = json.loads((site / "keycloak" / "realm.json").read_text())
    provider = load(*prepared(site, "keycloak")[2:]).settings.providers["keycloak"]
    (client,) = realm["clients"]
    urls = registrations("keycloak", site)

    assert provider.issuer.endswith(f"/realms/{realm['realm']}")
    assert client["clientId"] == provider.client_id
    assert client["redirectUris"] == urls["redirect_uris"]
    attributes = client["attributes"]
    assert [attributes["post.logout.redirect.uris"]] == urls["post_logout_redirect_uris"]
    # Keycloak itself calls this one, so by the gateway's name.
    reached = urls["backchannel_logout_uri"].replace("localhost:8080", "gateway:8080")
    assert attributes["backchannel.logout.url"] == reached
    entrypoint = read("compose.keycloak.yaml")["services"]["provider"]["entrypoint"][-1]
    for variable in re.findall(r"\$\{(\w+)\}", json.dumps(realm)):
        assert f"export {variable}=$$(</run/secrets/{variable.lower()})" in entrypoint


def test_the_client_in_the_blueprint_of_authentik_is_the_gateway(site):
    blueprint = yaml.load((site / "authentik" / "blueprint.yaml").read_text(), Blueprint)
    provider = load(*prepared(site, "authentik")[2:]).settings.providers["authentik"]
    scope, client, application = blueprint["entries"]
    urls = registrations("authentik", site)

    attributes = client["attrs"]
    assert attributes["client_id"] == provider.client_id
    assert attributes["client_secret"] == ("File", "/run/secrets/oidc_client_secret")
    registered = [it["url"] for it in attributes["redirect_uris"]]
    assert registered == urls["redirect_uris"] + urls["post_logout_redirect_uris"]
    assert {it["matching_mode"] for it in attributes["redirect_uris"]} == {"strict"}
    assert ("KeyOf", scope["id"]) in attributes["property_mappings"]
    assert application["attrs"]["provider"] == ("KeyOf", client["id"])
    assert provider.issuer.endswith(f"/{application['identifiers']['slug']}/")


def test_the_script_makes_databases_that_are_closed_to_each_other(postgres_server, site):
    psql = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres_server.port), "PATH": os.environ["PATH"]}
    admin = urlsplit(postgres_server.url)
    passwords = {f"{it}_DATABASE_PASSWORD": f"{it}'\"$\\" for it in ("NOTES", "LOGTO", "APP")}

    made = subprocess.run(
        [site / "databases.sh"],
        env={
            **psql,
            **passwords,
            "PGPASSWORD": PASSWORD,
            "POSTGRES_USER": admin.username,
            "DATABASES": "notes logto app",
        },
        capture_output=True,
        text=True,
    )

    assert made.returncode == 0, made.stderr
    for user, database in (("notes", "notes"), ("app", "app"), ("app", "notes")):
        asked = subprocess.run(
            ["psql", "-U", user, "-d", database, "-c", "CREATE TABLE t (x int)"],
            env={**psql, "PGPASSWORD": passwords[f"{user.upper()}_DATABASE_PASSWORD"]},
            capture_output=True,
            text=True,
        )
        assert (asked.returncode == 0) is (user == database), asked.stderr
    made = postgres_server.sql("SELECT rolname FROM pg_roles WHERE rolcreaterole AND NOT rolsuper")
    assert made == "logto"


def test_the_guide_shows_what_check_and_explain_say_of_the_site_with_dex(site):
    environment = {"OIDC_CLIENT_SECRET": SOMETHING, "GATEPOST_DATA_DIR": str(site / "data")}
    guide = (GUIDES / "compose.md").read_text()
    path = str(site / "gatepost.yaml")

    checked = CliRunner().invoke(check_command, ["-c", path], env=environment)
    explained = CliRunner().invoke(explain_command, ["-c", path, "GET", "/api/health"], env={})

    assert (checked.exit_code, checked.stderr) == (0, "")
    assert checked.stdout.replace(path, "/etc/gatepost/gatepost.yaml") in guide
    assert explained.stdout in guide


def test_the_site_with_dex_fits_its_configuration(site):
    compose = read("compose.yaml")
    dex = yaml.safe_load((site / "dex.yaml").read_text())
    settings = load(site / "gatepost.yaml", {"OIDC_CLIENT_SECRET": SOMETHING}).settings

    assert host_of(settings.upstreams["grafana"].url) in compose["services"]
    provider = settings.providers["dex"]
    (client,) = dex["staticClients"]
    assert (provider.issuer, provider.client_id) == (dex["issuer"], client["id"])
    assert client["redirectURIs"] == [f"{settings.public_url[0]}/_gatepost/callback/dex"]
    assert compose["services"]["provider"]["networks"]["front"]["aliases"] == [
        host_of(provider.issuer)
    ]
