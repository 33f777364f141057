"""`gatepost explain --from-audit` lists what a configuration changes for recorded requests."""

import gzip
import json
import re

import pytest
from click.testing import CliRunner

from gateway.cli.explain import explain_command
from gateway.record.audit import Entry, Lines, Words
from tests.builders import make_identity, make_request

CONFIG = """
public_url: https://notes.example.com
upstreams: {notes: http://127.0.0.1:3000}
providers: {zitadel: {issuer: https://id.example.com, client_id: notes}}
api_keys: {}
routes:
  - {name: assets, prefix: /static, access: public}
  - {name: old, prefix: /old, access: gone}
  - {name: reports, prefix: /reports, access: {allow: {group: admins}, deny: {user: eve}}}
  - {name: office, prefix: /office, access: {allow: {ip: 10.0.0.0/8}}}
  - {name: mail, prefix: /mail, access: {allow: {email_domain: example.com, claim: {team: ops}}}}
  - {name: fresh, prefix: /fresh, access: {allow: {max_age: 5m}}}
  - {name: maybe, prefix: /maybe, access: optional}
  - {name: rest, prefix: /, access: signed_in}
"""


def line(path="/", decision="allow", reason="allowed", route="rest", user="alice", **changes):
    """A line as the gateway writes it, with `changes` to its members."""
    identity = make_identity(user=user, subject=user) if user else None
    client = changes.pop("ip", "192.0.2.7")
    entry = Entry(
        make_request(path.encode(), client=client),
        None,
        peer=client,
        trusted=False,
        began_at=0.0,
    )
    entry.route = route
    entry.decide(decision, reason)
    if identity is not None:
        entry.identity = identity
    words = Words(route, entry.request.method, 200, decision, reason)
    written = json.loads(Lines().line(entry, words, 0.001))
    return json.dumps({**written, **changes})


@pytest.fixture
def review(tmp_path):
    """What the command says of these lines: ``review(line(…), config=…, people=…)``."""

    def run(*lines, config=CONFIG, people=None, options=()):
        path, log = tmp_path / "gatepost.yaml", tmp_path / "audit.log"
        path.write_text(config)
        log.write_bytes(b"\n".join(it if isinstance(it, bytes) else it.encode() for it in lines))
        asked = ["-c", str(path), "--from-audit", str(log), *options]
        if people is not None:
            (tmp_path / "people.yaml").write_text(people)
            asked += ["--people", str(tmp_path / "people.yaml")]
        result = CliRunner().invoke(explain_command, [*asked, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return run


def after(told):
    """Of the only request: its decisions, its route, and what they depend on."""
    (group,) = [*told["changes"], *told["depends"]]
    return group["after"]["decisions"], group["after"]["route"], group["depends_on"]


def test_what_is_decided_alike_is_only_counted(review):
    told = review(line(), line("/static/x", reason="public", route="assets", user=None))

    assert (told["same"], told["changed"], told["depending"]) == (2, 0, 0)
    assert told["changes"] == told["depends"] == []


def test_changes_are_grouped_with_a_sample(review):
    eve = [line("/reports/7", user="eve", request_id=f"r-{number}") for number in range(3)]

    (group,) = review(*eve, line("/reports", user="eve", route="reports"))["changes"][:1]

    assert group == {
        "count": 3,
        "before": {"decision": "allow", "reason": "allowed", "route": "rest"},
        "after": {"decisions": ["deny"], "reason": "denied-by-rule", "route": "reports"},
        "depends_on": [],
        "sample": {"request_id": "r-0", "user": "eve", "method": "GET", "path": "/reports/7"},
    }


@pytest.mark.parametrize(
    ("recorded", "decisions", "route", "facts"),
    [
        (line("/reports"), ["allow", "deny"], "reports", ["group"]),
        (line("/mail"), ["allow", "deny"], "mail", ["claim", "email_domain"]),
        (line("/fresh"), ["allow", "deny", "step_up"], "fresh", ["max_age"]),
        (line("/office"), ["deny"], "office", []),
        (line("/old/x"), ["deny"], "old", []),
        # Nobody looked whether there was a credential, or which.
        (
            line("/maybe", reason="public", route="assets", user=None),
            ["allow", "deny"],
            "maybe",
            ["credential"],
        ),
        (line("/old", reason="public", route="assets", user=None), ["deny"], "old", []),
        # A key may be for some routes alone.
        (
            line("/x", route="other", credential="api_key"),
            ["allow", "deny"],
            "rest",
            ["routes of the key"],
        ),
        (
            line("/x", "sign_in", "sign-in-required", "other", user=None),
            ["sign_in"],
            "rest",
            [],
        ),
        (
            line("/maybe", "sign_in", "session-expired", "rest", user=None),
            ["allow"],
            "maybe",
            [],
        ),
    ],
)
def test_what_the_record_leaves_open_is_said_and_not_guessed(
    review, recorded, decisions, route, facts
):
    assert (sorted(after(review(recorded))[0]), *after(review(recorded))[1:]) == (
        sorted(decisions),
        route,
        facts,
    )


def test_what_the_operator_knows_is_not_open(review):
    people = (
        "alice: {groups: [admins]}\nbob: {groups: staff, email: b@example.com, claims: {team: ops}}"
    )
    lines = [line(path, user=user) for path in ("/reports", "/mail") for user in ("alice", "bob")]

    told = review(*lines, people=people)

    found = {
        (it["sample"]["user"], it["after"]["route"]): it["after"]["decisions"]
        for it in [*told["changes"], *told["depends"]]
    }
    assert found == {
        ("alice", "reports"): ["allow"],
        ("bob", "reports"): ["deny"],
        # The file does not say what her e-mail is.
        ("alice", "mail"): ["allow", "deny"],
        # In the same group as the first one who passes otherwise.
        ("bob", "mail"): ["allow"],
    }


HOSTS = CONFIG.replace(
    "https://notes.example.com", "[https://a.example.com, https://b.example.com]"
)


def test_the_host_is_open_if_routes_differ_by_it(review):
    only_a = HOSTS.replace("prefix: /old,", "prefix: /x, host: a.example.com,")

    assert after(review(line("/x"), config=only_a))[::2] == (["deny", "allow"], ["host"])
    told = review(line("/x"), config=only_a, options=["--host", "b.example.com"])
    assert told["same"] == 1
    assert review(line("/static", route="assets", reason="public", user=None), config=HOSTS)["same"]


@pytest.mark.parametrize(
    ("recorded", "why"),
    [
        (line("/_gatepost/whoami", route="gatepost"), "answered by the gateway itself"),
        (line(decision="error", reason="upstream-refused"), "failed, or was refused"),
        (line(decision="deny", reason="rate-limited"), "was over its rate"),
        (line("/x;jsessionid=1"), "the path is cut"),
        (line(method="OPTIONS"), "depends on fields"),
        (line(decision="deny", reason="key-not-for-route"), "depends on the routes of a key"),
        (line(decision="deny", reason="malformed-credential", user=None), "not known"),
        (line(credential="of another version"), "not known"),
    ],
)
def test_what_cannot_be_decided_again_is_left_out_and_counted(review, recorded, why):
    told = review(recorded)

    ((said, count),) = told["left_out"].items()
    assert why in said
    assert count == 1


@pytest.mark.parametrize(
    "hostile",
    [
        b"nonsense",
        b"{",
        b"[1]",
        b"null",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b"\0" * 100,
        b"[" * 100_000,
        b'{"time": "' + b"x" * 600_000 + b'"}',
        json.dumps({**json.loads(line()), "time": "yesterday"}).encode(),
        json.dumps({**json.loads(line()), "time": 7}).encode(),
        json.dumps({**json.loads(line()), "path": None}).encode(),
        json.dumps({**json.loads(line()), "user": {"a": 1}}).encode(),
        json.dumps({**json.loads(line()), "route": ["rest"]}).encode(),
        b'{"level": "info", "logger": "gateway", "message": "x"}',
    ],
)
def test_a_line_that_is_none_of_the_audit_is_counted(review, hostile):
    told = review(line(), hostile, line())

    assert (told["unread_lines"], told["same"]) == (1, 2)


@pytest.mark.parametrize(
    "hostile",
    [
        {"path": "/\u0000\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace")},
        {"path": "//x/../y"},
        {"path": "/" + "x" * 100_000},
        {"path": "/a b\r\nHost: evil"},
        {"ip": "nowhere"},
        {"ip": "192.0.2.7\r\nX: y"},
        {"method": "G ET"},
        {"method": "GET / HTTP/1.1\r\nX: y"},
        {"method": ""},
        {"user": "\u0000\u202e"},
        {"user": "x" * 100_000},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "9999-12-31T23:59:59Z"},
    ],
)
def test_no_member_of_a_line_ends_the_command(review, hostile):
    told = review(json.dumps({**json.loads(line()), **hostile}), line())

    left = sum(told["left_out"].values()) + told["unread_lines"]
    assert told["same"] + told["changed"] + told["depending"] + left == 2
    assert told["same"] >= 1


def test_people_read_what_programs_do(tmp_path):
    path, log = tmp_path / "gatepost.yaml", tmp_path / "audit.log.1.gz"
    path.write_text(CONFIG)
    with gzip.open(log, "wt") as packed:
        packed.write("\n".join([line("/office/\u202e"), line("/reports"), "nonsense"]))
    asked = ["-c", str(path), "--from-audit", str(log), "--from-audit", "-"]

    result = CliRunner().invoke(explain_command, asked, input=line())

    assert result.exit_code == 0
    assert result.stderr == "warning: 1 lines are none of the audit\n"
    assert result.stdout.splitlines()[-1] == (
        "requests: 1 the same, 1 changed, 1 depend on what the audit does not hold, 0 left out"
    )
    assert "changes 1: allow (allowed) by rest -> deny (ip-not-allowed) by office" in result.stdout
    assert "depends 1: allow (allowed) by rest -> allow or deny by reports, depends on group" in (
        result.stdout
    )
    assert result.stdout.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("--people x", "--people: only with --from-audit"),
        ("", "Missing argument 'METHOD'"),
        ("GET", "Missing argument 'TARGET'"),
        ("--from-audit x GET /", "method, target cannot be given with it"),
        ("--from-audit x --user alice --ip 10.0.0.1", "--user, --ip cannot be given with it"),
        ("--from-audit missing.log", "missing.log: cannot be read"),
        ("--from-audit CONFIG --people CONFIG", "Extra inputs are not permitted"),
        ("--from-audit CONFIG --people PEOPLE", "there is no provider nowhere"),
        ("--from-audit CONFIG --people missing", "missing: cannot be read"),
        ("--from-audit CONFIG.gz", "cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_said(tmp_path, arguments, problem):
    path = tmp_path / "gatepost.yaml"
    path.write_text(CONFIG)
    (tmp_path / "gatepost.yaml.gz").write_text("not packed")
    (tmp_path / "people").write_text("alice: {provider: nowhere}")
    named = {"CONFIG": str(path), "PEOPLE": str(tmp_path / "people")}
    asked = [re.sub("[A-Z]{6}", lambda it: named[it[0]], arg) for arg in arguments.split()]

    result = CliRunner().invoke(explain_command, ["-c", str(path), *asked])

    assert result.exit_code == 2
    assert problem in result.output
    assert "Traceback" not in result.output
