"""The configuration people copy is right, for the gateway and for their editor."""

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml
from joserfc.jwk import ECKey

from gateway.settings.json_schema import json_schema
from gateway.settings.load import load
from tests.fixtures.countries import write_countries

CONFIG = Path(__file__).parents[2] / "config"
FILES = sorted(CONFIG.glob("*.yaml"))
RULES = sorted((CONFIG / "rules").glob("*.yaml"))


class EditorLoader(yaml.SafeLoader):
    """Reads `on` and `no` as text, as YAML 1.2 does."""


EditorLoader.yaml_implicit_resolvers = {
    first: [it for it in resolvers if it[0] != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
EditorLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def test_every_setting_has_a_description_and_an_example():
    schema = json_schema()
    sections = {"Settings": schema, **schema["$defs"]}
    lacking = {
        f"{section}.{name}"
        for section, node in sections.items()
        for name, member in node.get("properties", {}).items()
        if not member.get("description") or not member.get("examples")
    }

    assert lacking == set()
    for node in sections.values():
        for member in node.get("properties", {}).values():
            for example in member["examples"]:
                about = {**member, "$defs": schema["$defs"]}
                jsonschema.Draft202012Validator(about).validate(example)


ROOT = CONFIG.parent
EVERY = [*FILES, *sorted((ROOT / "examples").rglob("gatepost.yaml"))]


@pytest.mark.parametrize("file", EVERY, ids=lambda file: str(file.relative_to(ROOT)))
def test_an_editor_finds_the_schema_of_an_example(file):
    line = file.read_text(encoding="utf-8").partition("\n")[0]
    named = line.removeprefix("# yaml-language-server: $schema=")

    assert (file.parent / named).resolve() == CONFIG / "schema.json"
    assert json.loads((CONFIG / "schema.json").read_text(encoding="utf-8")) == json_schema()


@pytest.fixture
def secrets(tmp_path):
    for name in (
        "gatepost",
        "oidc_client_secret",
        "users_hook",
        "wiki_client_secret",
        "app_dsn",
        "smtp_password",
        "ldap_password",
    ):
        (tmp_path / name).write_text("x" * 40, encoding="utf-8")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "pages").mkdir()
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    public = ECKey.generate_key("P-256").as_pem(private=False)
    (tmp_path / "intranet_key.pem").write_bytes(public)
    (tmp_path / "app_dsn").write_text("postgresql://notes:pw@db/notes\n", encoding="utf-8")
    return str(tmp_path)


def test_there_are_examples():
    assert [file.name for file in FILES] == ["full.yaml", "gatepost.yaml"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_an_example_is_right(file, secrets, tmp_path):
    copy = tmp_path / file.name
    text = file.read_text(encoding="utf-8").replace("/run/secrets", secrets)
    copy.write_text(text, encoding="utf-8")
    write_countries(tmp_path / "countries.mmdb")
    shutil.copytree(CONFIG / "rules", tmp_path / "rules")

    assert load(copy, {}).warnings == ()


@pytest.mark.parametrize("file", [*FILES, *RULES], ids=lambda file: file.name)
def test_an_editor_finds_nothing_wrong_with_an_example(file):
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)

    # Editors read YAML 1.2, where a date is text.
    data = json.dumps(yaml.load(file.read_bytes(), EditorLoader), default=str)
    jsonschema.validate(json.loads(data), schema)


def test_the_environment_of_a_pod_is_right(secrets, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = (CONFIG / "pod.env").read_text(encoding="utf-8").splitlines()
    environ = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    environ = {name: it.replace("/run/secrets", secrets) for name, it in environ.items()}

    assert load(None, environ).settings.secret == ("x" * 40,)


def test_the_full_example_names_every_setting():
    files = (CONFIG / "full.yaml", *RULES)
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    schema = json_schema()
    names = set(schema["properties"])
    for definition in schema["$defs"].values():
        names |= set(definition.get("properties", {}))
        for form in definition.get("anyOf", []):
            names |= set(form.get("properties", {}))
    # Written out elsewhere: what is better kept in a file, the long form of a field's value, and
    # conditions that work like those shown.
    names -= {
        "secret",
        "client_secret",
        "client_key",
        "client_key_file",
        "value",
        "dsn",
        "password",
        "bind_password",
    }
    names -= {"user", "scope", "credential", "amr", "method", "header"}

    assert {name for name in names if f"{name}:" not in text} == set()
