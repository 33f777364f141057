"""What `gatepost check` prints for other programs."""

import json
import re
from pathlib import Path
from urllib.parse import unquote

import jsonschema
import pytest
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.cli.check_formats import print_github
from gateway.cli.check_report import Report, place_of
from gateway.errors import Finding
from gateway.settings.rules import RULES

ROOT = Path(__file__).parents[2]
# The schema of the SARIF specification, as @microsoft/jest-sarif (MIT) has it, less its prose.
SARIF = json.loads((ROOT / "tests" / "fixtures" / "sarif-2.1.0-rtm.5.json").read_text())
BROKEN = """\
public_url: ftp://a, b
upstreams: {app: "http://app:1"}
uptreams: {}
"""
FAILING = """\
public_url: http://a.example.com
upstreams: {app: "http://app:1"}
providers: {idp: {issuer: "https://id.example.com", client_id: x, client_auth: none}}
routes:
  - {name: everything, prefix: /, access: {allow: [{group: "a%b"}, {group: "d:e"}]}}
tests:
  - {request: GET /, as: {user: a}, expect: allow}
"""
NOT_YAML = "public_url: [\n"


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(text, form, *arguments, name="gatepost.yaml", **environ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        given = ["-c", name, "--format", form, *arguments]
        return CliRunner().invoke(check_command, given, env=environ)

    return run


def test_github_shows_each_finding_at_its_line(check):
    result = check(FAILING, "github", "--coverage")
    lines = result.stdout.splitlines()

    assert (result.exit_code, result.stderr) == (1, "")
    assert lines == [
        "::error file=gatepost.yaml,line=7,col=5,title=gatepost%3A failed-test::tests[0]: GET / as "
        "a: expected allow, but got deny, reason group-missing, route everything, status 403"
        "%0Aallow[0]: unmet       group: a%25b (group-missing: any of 'a%25b')"
        "%0Aallow[1]: unmet       group: d:e (group-missing: any of 'd:e')",
        "::warning file=gatepost.yaml,line=1,col=13,title=gatepost%3A insecure-transport::"
        "public_url: http://a.example.com is not https: cookies and tokens can be read in transit",
        "::notice file=gatepost.yaml,line=5,col=52,title=gatepost%3A untested-condition::"
        'routes[0].access.allow[0]: no test of route "everything" is decided by this',
        "::notice file=gatepost.yaml,line=5,col=68,title=gatepost%3A untested-condition::"
        'routes[0].access.allow[1]: no test of route "everything" is decided by this',
        "gatepost.yaml: not ok, 1 of 1 test failed",
    ]


def test_github_shows_every_error(check):
    result = check(BROKEN, "github")

    assert result.exit_code == 2
    assert [re.sub("::.*", "", it[2:]) for it in result.stdout.splitlines()] == [
        "error file=gatepost.yaml,line=1,col=13,title=gatepost%3A invalid-value",
        "error file=gatepost.yaml,line=3,col=1,title=gatepost%3A unknown-setting",
    ]


def test_github_reads_nothing_of_a_finding_as_a_command(capsys):
    found = Finding("invalid-value", "a\n::set-env name=X::1\r%0A", "a,b:c%0A.yaml:1:2")
    print_github(Report(errors=(found,)))

    assert capsys.readouterr().out == (
        "::error file=a%2Cb%3Ac%250A.yaml,line=1,col=2,title=gatepost%3A invalid-value::"
        "a%0A::set-env name=X::1%0D%250A\n"
    )


@pytest.mark.parametrize("text", [FAILING, BROKEN, NOT_YAML, FAILING.replace("http:", "https:")])
def test_sarif_is_what_its_schema_says(check, text):
    result = check(text, "sarif", "--coverage", "--strict")
    found = json.loads(result.stdout)

    jsonschema.validate(found, SARIF, format_checker=jsonschema.FormatChecker())
    [run] = found["runs"]
    assert [it["id"] for it in run["tool"]["driver"]["rules"]] == list(RULES)
    assert run["results"]
    for it in run["results"]:
        assert list(RULES)[it["ruleIndex"]] == it["ruleId"]
        [location] = it["locations"]
        assert location["physicalLocation"]["artifactLocation"] == {"uri": "gatepost.yaml"}
        assert location["physicalLocation"]["region"]["startLine"] >= 1


def test_the_schema_would_notice_a_mistake():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": "2.1.0", "runs": [{"results": []}]}, SARIF)


def test_sarif_and_text_say_the_same(check):
    text = check(BROKEN, "text")
    results = json.loads(check(BROKEN, "sarif").stdout)["runs"][0]["results"]

    assert text.exit_code == 2
    assert [
        "{uri}:{startLine}:{startColumn}: ".format(
            **it["locations"][0]["physicalLocation"]["artifactLocation"],
            **it["locations"][0]["physicalLocation"]["region"],
        )
        + it["message"]["text"]
        for it in results
    ] == text.stderr.splitlines()


def test_a_file_name_is_escaped_and_what_is_in_no_file_has_no_place(check):
    odd = "a folder/ü#?%.yaml"
    results = json.loads(check(BROKEN, "sarif", name=odd).stdout)["runs"][0]["results"]
    uri = results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]

    assert uri.isascii()
    assert unquote(uri) == odd
    [result] = json.loads(check(FAILING, "sarif", GATEPOST_X="1").stdout)["runs"][0]["results"]
    assert (result["locations"], result["ruleId"]) == ([], "unknown-setting")
    assert result["message"]["text"].startswith("environment: GATEPOST_X: ")


def test_a_file_below_the_working_directory_is_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert place_of(Finding("x", "m", f"{tmp_path}/a/b.yaml:1:2")).file == "a/b.yaml"
    assert place_of(Finding("x", "m", "/elsewhere/b.yaml")).file == "/elsewhere/b.yaml"


def test_json_has_both_names(check):
    short = check(FAILING, "text", "--json")

    assert short.stdout == check(FAILING, "json").stdout
    assert {it["level"] for it in json.loads(short.stdout)["findings"]} == {"error", "warning"}


def test_a_file_that_cannot_be_read_is_one_finding_in_every_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for form in ("json", "github", "sarif"):
        result = CliRunner().invoke(check_command, ["-c", "none.yaml", "--format", form])
        assert result.exit_code == 2
        assert "none.yaml" in result.stdout
        assert "unreadable-file" in result.stdout


SETTINGS = ROOT / "gateway" / "settings"
WARNING = ("cautions", "contradictions", "foreign_cautions", "other_proxies")


def test_every_rule_that_is_named_is_listed():
    named = set()
    for path in (ROOT / "gateway").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"""\brule(?::[^=]*)? ?= ?"([a-z-]+)\"""", text))

    assert named <= set(RULES)
    assert len(named) > 20


@pytest.mark.parametrize("module", WARNING)
def test_every_warning_has_a_rule_of_its_own(module):
    text = (SETTINGS / f"{module}.py").read_text(encoding="utf-8")

    assert text.count("Problem(") == text.count("rule=")
