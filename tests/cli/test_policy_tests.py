"""Policy tests in the file, as `gatepost check` runs them."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.check import check_command
from gateway.settings.rules import ERRORS, NOTES, WARNINGS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "policy-tests.md").read_text(encoding="utf-8")

CONFIG = """\
public_url: https://notes.example.com
upstreams: {notes: http://127.0.0.1:9}
providers:
  zitadel: {issuer: https://id.example.com, client_id: notes, client_auth: none}
  other: {issuer: https://other.example.com, client_id: notes, client_auth: none}
bearer: [{issuer: https://tokens.example.com, audiences: [notes]}]
api_keys: {}
store: postgresql://db.invalid/x
secret: ${SECRET}
routes:
  - {name: assets, prefix: /static, access: public}
  - {name: few, prefix: /few, access: signed_in, rate_limit: {requests: 1, per: 1h}}
  - name: old
    prefix: /old
    access: public
    deprecated: {since: 2026-01-01, sunset: 2027-01-01}
  - name: reports
    prefix: /reports
    access:
      allow:
        - {group: admins, ip: 10.0.0.0/8, provider: zitadel}
        - {acr: gold, provider: zitadel}
        - {claim: {/org/level: 3}, scope: read, role: auditor, provider: zitadel}
        - {header: {X-Tier: gold}, email_domain: example.com, provider: other}
        - {max_age: 1h, amr: otp, user: eve, provider: zitadel}
      deny:
        - {user: mallory}
  - {name: tools, prefix: /tools, access: {allow: {group: a, ip: 10.0.0.0/8, provider: other}}, \
foreign_credentials: pass}
  - {name: everything, prefix: /, access: signed_in}
tests:
"""
FIRST = CONFIG.count("\n") + 1


@pytest.fixture
def check(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(tests, *arguments):
        lines = "".join(f"  - {it}\n" for it in tests)
        (tmp_path / "gatepost.yaml").write_text(CONFIG + lines, encoding="utf-8")
        return CliRunner().invoke(check_command, arguments, env={"SECRET": "s" * 40})

    return run


PASS = [
    "{request: GET /static/x, expect: allow}",
    "{request: GET /, expect: sign_in}",
    "{request: GET /, expect: {decision: sign_in, status: 401}}",
    "{request: GET /, headers: {Accept: text/html}, expect: {decision: sign_in, status: 302}}",
    "{request: GET /, as: {user: a}, expect: allow}",
    "{request: GET /reports, as: {user: a, groups: [admins]}, ip: 10.1.2.3, expect: allow}",
    "{request: GET /reports, as: {user: a, groups: admins}, ip: 11.1.2.3, expect: step_up}",
    "{request: GET /reports, as: {user: a, credential: api_key}, expect: deny}",
    "{request: GET /reports, as: {user: a, acr: gold}, expect: {reason: allowed, route: reports}}",
    "{request: GET /reports, as: {user: mallory, acr: gold}, expect: {reason: denied-by-rule}}",
    "{request: GET /reports, as: {user: a, claims: {org: {level: 3}}, scopes: read, "
    "roles: [auditor]}, expect: allow}",
    "{request: GET /reports, as: {user: a, claims: {/org/level: '3'}, scopes: read, "
    "roles: [auditor]}, expect: allow}",
    "{request: GET /reports, as: {user: a, claims: {org: [{level: 3}]}, scopes: read, "
    "roles: [auditor]}, expect: step_up}",
    "{request: GET /reports, as: {user: a, email: a@example.com, provider: other}, "
    "headers: {X-Tier: gold}, expect: allow}",
    "{request: GET /reports, as: {user: eve, amr: [otp], auth_age: 59m}, expect: allow}",
    "{request: GET /reports, as: {user: eve, amr: [otp], auth_age: 61m}, expect: step_up}",
    "{request: GET /reports, as: {user: a, credential: bearer, acr: gold}, "
    "expect: {decision: deny, reason: group-missing, route: reports, status: 403}}",
    "{request: GET /tools, ip: 10.0.0.1, as: {credential: foreign}, "
    "expect: {decision: allow, reason: foreign-credential}}",
    "{request: GET /tools, as: {credential: foreign}, expect: {reason: ip-not-allowed}}",
    "{request: GET /old, at: '2026-12-31T23:59:59Z', expect: allow}",
    "{request: GET /old, at: 2027-01-01, expect: {reason: gone, status: 410}}",
    "{request: GET /, host: elsewhere.example, expect: {reason: unknown-host, status: 421}}",
    "{request: GET /_gatepost/whoami, expect: {decision: allow, route: gatepost}}",
    "{request: GET /static/../reports, expect: {reason: ambiguous-path}}",
    "{request: POST /, as: {user: a}, headers: {Origin: https://evil.example}, "
    "expect: {reason: cross-site}}",
]


@pytest.mark.parametrize("test", PASS)
def test_a_test_that_gets_what_it_expects_passes(check, test):
    result = check([test])

    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(
        "gatepost.yaml: ok, 6 routes, 1 upstream, 2 providers, 1 test passed\n"
    )


def test_no_test_counts_towards_the_rate_of_another(check):
    again = "{request: GET /few, as: {user: a}, expect: allow}"

    assert check([again, again, again]).exit_code == 0


@pytest.mark.parametrize("test", PASS)
def test_the_opposite_of_every_test_fails(check, test):
    start, _, expected = test.rpartition("expect: ")
    opposite = "sign_in" if "allow" in expected or "allowed" in expected else "allow"
    if opposite == "allow" and "reason: foreign" in expected:
        opposite = "deny"
    result = check([f"{start}expect: {opposite}}}"])

    assert result.exit_code == 1
    assert result.stdout.startswith("gatepost.yaml: not ok, 1 of 1 test failed\n")
    assert result.stderr.startswith(f"failed: gatepost.yaml:{FIRST}:5: tests[0]: ")


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (
            "{name: the board reads, request: GET /reports, as: {user: bob, credential: api_key}, "
            "expect: allow}",
            [
                "the board reads: GET /reports as bob by api_key: expected allow, but got deny, "
                "reason group-missing, route reports, status 403",
                "  allow[0]: unmet       group: admins (group-missing: any of 'admins')",
                "  allow[0]: unmet       ip: 10.0.0.0/8 (ip-not-allowed: client is 127.0.0.1)",
            ],
        ),
        (
            "{request: GET /reports, as: {user: mallory}, expect: {decision: allow, status: 200}}",
            [
                "GET /reports as mallory: expected allow, status 200, but got deny, "
                "reason denied-by-rule, route reports, status 403",
                "  deny[0]: met         user: mallory",
            ],
        ),
        (
            "{request: GET /reports, as: {user: a, acr: gold}, expect: deny}",
            [
                "GET /reports as a: expected deny, but got allow, reason allowed, route reports",
                "  allow[1]: met         provider: zitadel",
                "  allow[1]: met         acr: gold",
            ],
        ),
        (
            "{request: GET /static/../reports, expect: allow}",
            [
                "GET /static/../reports: expected allow, but got deny, reason ambiguous-path, "
                "status 400",
                "  some servers read the path as '/reports'",
                "  route assets: matches the request",
                "  route few: does not match /reports",
            ],
        ),
        (
            "{request: GET /, as: {user: a, claims: {a: 1, /a/b: 2}}, expect: allow}",
            [
                "GET / as a: expected allow, but got no answer",
                "  --claim: 'a' has a value and members",
            ],
        ),
    ],
)
def test_a_failure_says_what_happened_and_why(check, test, expected):
    result = check([PASS[0], test])
    told = result.stderr.splitlines()

    assert result.exit_code == 1
    assert told[: len(expected)] == [
        f"failed: gatepost.yaml:{FIRST + 1}:5: tests[1]: {expected[0]}",
        *expected[1:],
    ]


def test_programs_are_told_the_same(check):
    found = json.loads(check([PASS[4], "{request: GET /, expect: allow}"], "--json").stdout)

    assert found["ok"] is False
    assert found["errors"] == []
    assert found["tests"] == [
        {
            "name": None,
            "request": "GET /",
            "place": f"gatepost.yaml:{FIRST}:5",
            "passed": True,
            "expected": {"decision": "allow"},
            "got": {
                "decision": "allow",
                "reason": "allowed",
                "route": "everything",
                "status": None,
            },
            "why": [],
        },
        {
            "name": None,
            "request": "GET /",
            "place": f"gatepost.yaml:{FIRST + 1}:5",
            "passed": False,
            "expected": {"decision": "allow"},
            "got": {
                "decision": "sign_in",
                "reason": "sign-in-required",
                "route": "everything",
                "status": 401,
            },
            "why": [],
        },
    ]
    [failed] = [it for it in found["findings"] if it["level"] == "error"]
    assert (failed["rule"], failed["line"], failed["column"]) == ("failed-test", FIRST + 1, 5)


def test_the_rules_that_no_test_is_decided_by_are_listed(check):
    tests = [
        "{request: GET /reports, as: {user: a, groups: admins}, ip: 10.1.2.3, expect: allow}",
        "{request: GET /reports, as: {user: a}, expect: step_up}",
        "{request: GET /reports, as: {user: mallory}, expect: deny}",
        "{request: GET /tools, ip: 10.0.0.1, as: {credential: foreign}, expect: allow}",
        # Before its rules are asked, so no item decides.
        "{request: POST /tools, as: {user: a}, headers: {Origin: 'https://e.test'}, expect: deny}",
        "{request: GET /static, expect: allow}",
    ]
    result = check(tests, "--coverage")
    told = result.stdout.splitlines()

    assert result.exit_code == 0
    assert told[1] == "tests decide by 3 of 6 routes and 4 of 7 items of allow and deny"
    assert [it.split(": ", 2)[2] for it in told[2:8]] == [
        'routes[1]: no test reaches route "few"',
        'routes[2]: no test reaches route "old"',
        'routes[3].access.allow[2]: no test of route "reports" is decided by this',
        'routes[3].access.allow[3]: no test of route "reports" is decided by this',
        'routes[3].access.allow[4]: no test of route "reports" is decided by this',
        'routes[5]: no test reaches route "everything"',
    ]
    coverage = json.loads(check(tests, "--coverage", "--json").stdout)["coverage"]
    assert {name: it for name, it in coverage.items() if name != "untested"} == {
        "routes": 6,
        "tested_routes": 3,
        "items": 7,
        "tested_items": 4,
    }
    assert [it["line"] for it in coverage["untested"]] == [12, 13, 23, 24, 25, 29]


def test_without_tests_nothing_is_covered(check, tmp_path):
    text = CONFIG.removesuffix("tests:\n")
    (tmp_path / "plain.yaml").write_text(text)
    found = CliRunner().invoke(
        check_command, ["-c", "plain.yaml", "--coverage"], env={"SECRET": "s" * 40}
    )

    assert found.exit_code == 0
    assert "tests decide by 0 of 6 routes and 0 of 7 items of allow and deny\n" in found.stdout


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("GET /", ": must be a mapping, not text"),
        ("{request: GET, expect: allow}", '.request: "GET" is not a request (write GET /path)'),
        ("{request: get /, expect: allow}", '.request: "get /" is not a request'),
        ("{request: GET x, expect: allow}", '.request: "x" is not a path'),
        ("{request: GET /a b, expect: allow}", '.request: "/a b" is not a path'),
        ("{request: GET /}", ': "expect" is missing'),
        (
            "{request: GET /, expect: alow}",
            '.expect: unknown decision "alow" (did you mean "allow"',
        ),
        ("{request: GET /, expect: {}}", ".expect: is empty"),
        ("{request: GET /, expect: [allow]}", ".expect: must be a mapping, not a list"),
        ("{request: GET /, expect: {reason: A}}", '.expect.reason: "A" is not a reason'),
        ("{request: GET /, expect: {status: 99}}", '.expect.status: "99" is not a status'),
        ("{request: GET /, expect: {route: repots}}", 'did you mean "reports"?'),
        ("{request: GET /, as: alice, expect: allow}", ".as: must be a mapping, not text"),
        ("{request: GET /, as: {groups: a}, expect: allow}", '.as: "user" is missing'),
        ("{request: GET /, as: {user: a, group: a}, expect: allow}", 'did you mean "groups"?'),
        ("{request: GET /, as: {user: a, email: a}, expect: allow}", ".as.email: "),
        ("{request: GET /, as: {user: a, provider: othr}, expect: allow}", 'did you mean "other"?'),
        ("{request: GET /, as: {user: a, credential: key}, expect: allow}", ".as.credential: "),
        ("{request: GET /, as: {user: a, auth_age: 1}, expect: allow}", ".as.auth_age: "),
        (
            "{request: GET /, as: {user: a, credential: foreign}, expect: allow}",
            ".as: only the app knows the user of a foreign credential: remove user",
        ),
        ("{request: GET /, at: noon, expect: allow}", '.at: "noon" is not a time'),
        ("{request: GET /, ip: home, expect: allow}", '.ip: "home" is not an address'),
        ("{request: GET /, host: a/b, expect: allow}", '.host: "a/b" is not a host'),
        ("{request: GET /, headers: {a b: c}, expect: allow}", '.headers["a b"]: '),
        ("{request: GET /, headers: {a: [1]}, expct: allow}", 'did you mean "expect"?'),
    ],
)
def test_a_test_that_cannot_be_read_is_an_error_with_its_place(check, test, problem):
    result = check([test])

    [line] = result.stderr.splitlines()
    assert result.exit_code == 2
    assert line.startswith(f"gatepost.yaml:{FIRST}:")
    assert problem in line


def test_the_page_shows_what_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text, part, *_ = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    right = text.replace("carol@example.com", "carol@contractors.example.com")
    shown = re.findall(r"\$ gatepost (check[^\n]*)\n(.*?)…\n```", PAGE, re.S)

    odd = text[text.index("public_url") : text.index("routes:")] + part

    assert [it for it, _ in shown] == ["check -c gatepost.yaml", "check --coverage", "check"]
    for (command, wanted), written in zip(shown, (text, right, odd), strict=True):
        (tmp_path / "gatepost.yaml").write_text(written, encoding="utf-8")
        found = CliRunner().invoke(
            check_command, command.split()[1:], env={"OIDC_CLIENT_SECRET": "none"}
        )
        assert (found.stderr + found.stdout).startswith(wanted)


def test_the_first_page_shows_what_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (DOCS / "getting-started.md").read_text(encoding="utf-8")
    text, shown = re.search(
        r"```yaml\n([^`]*tests:[^`]*)```\n\n```console\n[^\n]*\n(.*?)```", page, re.S
    ).groups()
    (tmp_path / "gatepost.yaml").write_text(text, encoding="utf-8")

    found = CliRunner().invoke(check_command, ["--without-secrets"])
    assert (found.exit_code, found.stderr) == (0, "")
    assert found.stdout.startswith(shown)
    opened = text.replace("access: {allow: {group: admins}}", "access: signed_in")
    (tmp_path / "gatepost.yaml").write_text(opened, encoding="utf-8")
    assert CliRunner().invoke(check_command, ["--without-secrets"]).exit_code == 1


def test_the_page_lists_every_rule():
    rules = re.findall(r"^\| `([a-z-]+)` \| (error|warning|note) \| (.*) \|$", PAGE, re.M)
    levels = (("error", ERRORS), ("warning", WARNINGS), ("note", NOTES))

    assert rules == [(rule, level, text) for level, of in levels for rule, text in of.items()]


def test_no_secret_is_needed_where_none_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = CONFIG.replace("secret: ${SECRET}", "secret_file: /none/secret")
    text = text.replace("client_auth: none", "client_secret_file: /none/client")
    (tmp_path / "gatepost.yaml").write_text(f"{text}  - {PASS[4]}\n", encoding="utf-8")

    assert CliRunner().invoke(check_command, []).exit_code == 2
    found = CliRunner().invoke(check_command, ["--without-secrets"])
    assert found.exit_code == 0, found.stderr
    assert [it.name for it in tmp_path.iterdir()] == ["gatepost.yaml"]


def test_tests_of_included_files_run_and_cover_named_conditions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("gatepost.yaml").write_text(
        "public_url: https://a.example.com\n"
        "upstreams: {app: 'http://app:1'}\n"
        "providers: {idp: {issuer: 'https://id.example.com', client_id: x, client_auth: none}}\n"
        "include: rules.yaml\n"
        "routes: [{name: all, prefix: /, access: {allow: [staff, {user: eve}]}}]\n"
    )
    Path("rules.yaml").write_text(
        "conditions: {staff: [{group: staff}, {role: staff}]}\n"
        "routes: [{name: one, path: /one, before: all, access: {allow: staff}}]\n"
        "tests:\n"
        "  - {request: GET /, as: {user: kim, groups: [staff]}, expect: allow}\n"
        "  - {request: GET /one, as: {user: eve}, expect: allow}\n"
    )
    found = CliRunner().invoke(check_command, ["--coverage"])

    assert found.exit_code == 1
    assert found.stderr.startswith("failed: rules.yaml:5:5: tests[1]: ")
    # One of the names' items was decided by, in whatever route.
    assert "tests decide by 2 of 2 routes and 1 of 3 items of allow and deny\n" in found.stdout
    assert [it for it in found.stdout.splitlines() if it.startswith("untested")] == [
        'untested: gatepost.yaml:5:57: routes[0].access.allow[1]: no test of route "all" is '
        "decided by this",
        'untested: rules.yaml:1:38: conditions.staff[1]: no test of route "one" is decided by this',
    ]
