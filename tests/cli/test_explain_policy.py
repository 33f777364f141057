"""`gatepost explain` with expressions, hours and countries."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.explain import explain_command
from gateway.expressions.kinds import FACTS
from tests.fixtures.countries import write_countries

PAGE = (Path(__file__).parents[2] / "docs" / "policy.md").read_text(encoding="utf-8")
CONFIG = """\
public_url: https://notes.example.com
upstreams: {app: http://127.0.0.1:9}
providers: {idp: {issuer: "https://id.example.com", client_id: n, client_secret: s}}
country_file: countries.mmdb
routes:
  - {name: when, prefix: /when, access: {allow: {when: claims.level >= 3 && claims.ok}}}
  - {name: text, prefix: /text, access: {allow: {when: claims.level == "3"}}}
  - {name: age, prefix: /age, access: {allow: {when: auth_age < 60}}}
  - name: hours
    prefix: /hours
    access: {allow: {time: {days: fri, from: "22:00", to: "06:00", zone: Europe/Prague}}}
  - {name: country, prefix: /country, access: {allow: {country: CZ}}}
"""


@pytest.fixture
def explained(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(CONFIG)
    write_countries(tmp_path / "countries.mmdb")

    def run(arguments):
        command = ["-c", str(path), *shlex.split(arguments)]
        return CliRunner().invoke(explain_command, command, catch_exceptions=False).output

    return run


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("/when --claim level=3 --claim ok=true", "allowed"),
        ("/when --claim level=2.5 --claim ok=true", "when-unmet"),
        ("/when --claim level=3", "claim-missing"),
        ("/when --claim level=3 --claim ok=null", "claim-missing"),
        ("/when --claim 'level=\"3\"' --claim ok=true", "fact-unreadable"),
        ("/when --claim level=NaN --claim ok=true", "fact-unreadable"),
        ("/text --claim 'level=\"3\"'", "allowed"),
        ("/text --claim level=3", "fact-unreadable"),
        ("/text --claim level=03", "when-unmet"),
        ("/age", "allowed"),
        ("/age --auth-age 1m", "when-unmet"),
        ("/hours --at 2027-01-15T22:00+01:00", "allowed"),
        ("/hours --at 2027-01-16T04:59Z", "allowed"),
        ("/hours --at 2027-01-16T05:00Z", "outside-hours"),
        ("/country --ip 198.51.100.1", "allowed"),
        ("/country --ip 203.0.113.1", "country-not-allowed"),
        ("/country", "fact-unreadable"),
    ],
)
def test_the_decision(explained, arguments, reason):
    *_, last = explained(f"GET {arguments} --user kim").splitlines()

    assert f" reason: {reason} " in last


def test_what_was_found_is_told(explained):
    told = json.loads(explained("GET /country --user kim --ip 203.0.113.1 --json"))

    (found,) = told["conditions"]
    assert (found["condition"], found["result"]) == ("country: CZ", "unmet")
    assert (found["reason"], found["detail"]) == ("country-not-allowed", "client is in DE")


def test_the_documentation_shows_what_is_told(tmp_path):
    configuration = re.search(r"```yaml\n(public_url.*?)```", PAGE, re.DOTALL)[1]
    (tmp_path / "gatepost.yaml").write_text(configuration)
    command, told = re.search(
        r"```console\n\$ gatepost explain (.*?)\n(.*?)```", PAGE, re.DOTALL
    ).groups()
    arguments = ["-c", str(tmp_path / "gatepost.yaml"), *shlex.split(command)]
    environ = {**os.environ, "OIDC_CLIENT_SECRET": "s"}

    assert CliRunner().invoke(explain_command, arguments, env=environ).output == told


def test_the_documentation_names_every_fact():
    rows = re.findall(r"^\| `(\w+)` \| ([a-z ]+) \| (.+) \|$", PAGE, re.MULTILINE)

    assert rows == [(name, fact.kind.value, fact.about) for name, fact in FACTS.items()]
