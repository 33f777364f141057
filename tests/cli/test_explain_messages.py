"""`gatepost explain`, its replay of an audit log, and policy tests, of rules about MCP messages."""

import json
import shlex

import pytest
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.cli.explain import explain_command
from gateway.record.audit import message_members

CONFIG = """\
public_url: https://notes.example.com
upstreams: {app: http://127.0.0.1:9}
providers: {idp: {issuer: "https://id.example.com", client_id: n, client_secret_file: s}}
routes:
  - name: mcp
    path: /mcp
    access:
      allow:
        - {group: staff, mcp_method: [tools/list, notifications/*]}
        - {group: staff, mcp_tool: "read_*"}
        - {group: staff, method: GET}
        - {user: kim, mcp_method: "*"}
      deny: [{mcp_tool: drop_*}]
  - {name: rest, prefix: /, access: signed_in}
"""


@pytest.fixture
def run(tmp_path):
    """What a command prints: ``run(command, arguments, config)``."""

    def run(command, arguments, config=CONFIG):
        path = tmp_path / "gatepost.yaml"
        path.write_text(config)
        (tmp_path / "s").write_text("secret")
        asked = ["-c", str(path), *shlex.split(arguments)]
        return CliRunner().invoke(command, asked, catch_exceptions=False).output

    return run


STAFF = "--user ann --group staff"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (f"POST /mcp {STAFF} --mcp-method tools/list", "allowed"),
        (f"POST /mcp {STAFF} --mcp-method notifications/initialized", "allowed"),
        (f"POST /mcp {STAFF} --mcp-tool read_note", "allowed"),
        (f"POST /mcp {STAFF} --mcp-method tools/call --mcp-tool read_note", "allowed"),
        (f"POST /mcp {STAFF} --mcp-tool delete_note", "mcp-method-not-allowed"),
        (f"POST /mcp {STAFF} --mcp-method ''", "mcp-method-not-allowed"),
        (f"POST /mcp {STAFF}", "mcp-unreadable"),
        (f"POST /mcp {STAFF} --mcp-method tools/call", "mcp-unreadable"),
        (f"POST /mcp {STAFF} --mcp-method tools/list --header 'Mcp-Method: ping'", "mcp-mismatch"),
        (f"GET /mcp {STAFF}", "allowed"),
        (f"DELETE /mcp {STAFF}", "mcp-method-not-allowed"),
        ("POST /mcp --user kim --mcp-method ''", "allowed"),
        ("POST /mcp --user kim --mcp-tool drop_all", "denied-by-rule"),
        ("POST /mcp --mcp-tool read_note", "sign-in-required"),
        ("POST /other --user kim --mcp-tool drop_all", "allowed"),
    ],
)
def test_a_message_is_explained_as_it_is_decided(run, arguments, reason):
    told = json.loads(run(explain_command, f"{arguments} --json"))

    assert told["reason"] == reason


def test_the_reader_is_told_what_the_message_is_and_what_would_pass(run):
    said = run(explain_command, f"POST /mcp {STAFF} --mcp-tool delete_note")

    assert "+ met         group: staff" in said
    assert "mcp_tool: read_* (mcp-tool-not-allowed: the tool is 'delete_note')" in said
    assert "to change it: allow[1] would pass with mcp_tool: read_*" in said
    assert "not been read" not in said


@pytest.mark.parametrize("message", ["", "--mcp-method tools/call"])
def test_the_reader_is_told_how_to_name_a_message(run, message):
    said = run(explain_command, f"POST /mcp {STAFF} {message}")

    assert "to change it: the rules read the message: name it with --mcp-tool," in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("GET /mcp --mcp-method tools/list", "only with POST"),
        ("GET /mcp --mcp-tool a", "only with POST"),
        ("POST /mcp --mcp-method ping --mcp-tool a", "only with --mcp-method tools/call"),
    ],
)
def test_options_that_do_not_fit_are_refused(run, arguments, message):
    assert message in run(explain_command, arguments)


TESTS = """\
tests:
  - {request: POST /mcp, mcp: {method: tools/list}, as: {user: a, groups: [staff]}, expect: allow}
  - {request: POST /mcp, mcp: {tool: read_note}, as: {user: a, groups: [staff]}, expect: allow}
  - request: POST /mcp
    mcp: {method: tools/call, tool: delete_note}
    as: {user: a, groups: [staff]}
    expect: {decision: deny, reason: mcp-method-not-allowed, status: 403, route: mcp}
  - {request: GET /mcp, as: {user: a, groups: [staff]}, expect: allow}
  - {request: POST /mcp, mcp: {tool: drop_all}, as: {user: kim}, expect: deny}
  - {request: POST /mcp, mcp: {method: ping}, as: {user: kim}, expect: allow}
"""


def test_policy_tests_have_messages(run):
    said = run(check_command, "--coverage", CONFIG + TESTS)

    assert "6 tests passed" in said
    assert "5 of 5 items" in said


def test_a_test_that_fails_says_which_tool(run):
    said = run(check_command, "", CONFIG + TESTS.replace("{tool: read_note}", "{tool: raid_note}"))

    assert "tests[1]: POST /mcp (raid_note) as a: expected allow, but got deny" in said


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("{request: GET /mcp, mcp: {tool: a}, expect: deny}", "only a POST has a message"),
        ("{request: POST /mcp, mcp: {}, expect: deny}", '"tool" is missing'),
        ("{request: POST /mcp, mcp: {method: tools/call}, expect: deny}", '"tool" is missing'),
        ("{request: POST /mcp, mcp: {method: ping, tool: a}, expect: deny}", "only tools/call"),
    ],
)
def test_a_message_that_cannot_be_is_a_mistake(run, test, message):
    assert message in run(check_command, "", f"{CONFIG}tests: [{test}]")


def record(message="", method="POST", decision="allow", path="/mcp", **changes):
    members = {
        "time": "2026-11-22T10:00:00.000Z", "request_id": "r", "route": "mcp", "method": method,
        "path": path, "decision": decision, "reason": "allowed", "user": "ann",
        "credential": "session", "session": None, "ip": "192.0.2.7", "status": 200,
        "duration_ms": 0.1,
    }  # fmt: skip
    return json.dumps({**members, **changes})[:-1] + message + "}"


@pytest.fixture
def again(run, tmp_path):
    """What the command says of one recorded request of ann, of staff."""

    def again(line):
        log, people = tmp_path / "audit.log", tmp_path / "people.yaml"
        log.write_text(line)
        people.write_text("ann: {groups: [staff]}")
        return json.loads(run(explain_command, f"--from-audit {log} --people {people} --json"))

    return again


@pytest.mark.parametrize(
    ("line", "after"),
    [
        (record(message_members("tools/list", None, 1)), None),
        (record(message_members("tools/call", "read_note", 1)), None),
        (record(message_members("tools/call", "delete_note", 1)), ["deny"]),
        (record(message_members("", None, 1)), ["deny"]),
        (record(message_members("tools/call", "löschen", 1)), ["deny"]),
        (record(method="GET"), None),
        (record(method="DELETE"), ["deny"]),
        # The rules were not about messages then, so the line has none.
        (record(), ["allow", "deny"]),
        (record(message_members("a", None, 1), path="/x", route="rest"), None),
    ],
)
def test_a_recorded_message_is_decided_again(again, line, after):
    told = again(line)

    groups = [*told["changes"], *told["depends"]]
    assert [it["after"]["decisions"] for it in groups] == ([] if after is None else [after])
    assert told["same"] == (after is None)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (message_members("tools/list", None, 2), "had several messages"),
        (message_members("tools/call", "x" * 129, 1), "is cut"),
    ],
)
def test_a_message_that_is_not_recorded_whole_is_left_out(again, message, why):
    (reason,) = again(record(message))["left_out"]

    assert why in str(reason)
