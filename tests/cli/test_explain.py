"""What `gatepost explain` prints is what the policy does."""

import json
import re
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.explain import explain_command

ROOT = Path(__file__).parents[2]
GOLD = "allow[1] would pass after signing in again with acr: gold"
CONFIG = """
public_url: https://notes.example.com
upstreams: {notes: http://127.0.0.1:3000}
providers: {zitadel: {issuer: https://id.example.com, client_id: notes}}
bearer: [{issuer: https://tokens.example.com, audiences: [notes]}]
api_keys: {}
tokens: {clients: {ios: {provider: zitadel}}}
routes:
  - {name: assets, prefix: /static, access: public}
  - {name: keys, prefix: /keys, credentials: [session], access: signed_in}
  - {name: own, prefix: /own, access: {allow: {claim: {/org/unit: ops}, provider: zitadel}}}
  - {name: fresh, prefix: /fresh, access: {allow: {max_age: 1h}}}
  - {name: few, prefix: /few, access: public, rate_limit: {requests: 2, per: 1m}}
  - name: old
    prefix: /old
    access: public
    deprecated: {since: 2026-01-01, sunset: 2027-01-01}
  - {name: script, prefix: /script, methods: [POST], access: signed_in, preflight: pass}
  - {name: api, path: /api, methods: [POST], host: api.example.com, access: signed_in}
  - name: reports
    prefix: /reports
    access:
      allow: [{group: admins, ip: 10.0.0.0/8}, {acr: gold}]
      deny: [{user: eve}]
  - {name: setup, prefix: /setup, access: denied}
  - {name: mcp, prefix: /mcp, access: signed_in, foreign_credentials: pass}
  - name: tools
    prefix: /tools
    access: {allow: {group: admins, ip: 10.0.0.0/8}}
    foreign_credentials: pass
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "gatepost.yaml"
    path.write_text(CONFIG)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ("GET /static/x", "decision: allow reason: public route: assets"),
        ("GET /reports", "decision: sign_in reason: sign-in-required route: reports"),
        (
            "GET /reports --user alice --group admins --ip 10.1.2.3",
            "decision: allow reason: allowed route: reports",
        ),
        (
            "GET /reports --user alice --group admins",
            "decision: step_up reason: acr-not-allowed route: reports",
        ),
        (
            "GET /reports --user alice --credential api_key",
            "decision: deny reason: group-missing route: reports",
        ),
        (
            "GET /reports --user eve --group admins --ip 10.1.2.3",
            "decision: deny reason: denied-by-rule route: reports",
        ),
        ("GET /setup/x --user root", "decision: deny reason: denied route: setup"),
        ("POST /api --host api.example.com --user a", "decision: allow reason: allowed route: api"),
        ("POST /api --user a", "decision: deny reason: no-route route: -"),
        ("GET /mcp", "decision: sign_in reason: sign-in-required route: mcp"),
        (
            "GET /mcp --credential foreign",
            "decision: allow reason: foreign-credential route: mcp",
        ),
        (
            "GET /tools --credential foreign --ip 10.1.2.3",
            "decision: allow reason: foreign-credential route: tools",
        ),
        (
            "GET /tools --credential foreign",
            "decision: deny reason: ip-not-allowed route: tools",
        ),
        (
            "GET /reports --credential foreign",
            "decision: deny reason: unknown-credential route: reports",
        ),
        ("GET /setup --credential foreign", "decision: deny reason: denied route: setup"),
        ("GET /static --credential foreign", "decision: allow reason: public route: assets"),
        ("GET /_gatepost/whoami", "decision: allow reason: endpoint route: gatepost"),
        ("GET /_gatepost/x", "decision: deny reason: no-route route: gatepost"),
        ("POST /_gatepost/whoami", "decision: deny reason: method-not-allowed route: gatepost"),
        ("GET /static/../setup", "decision: deny reason: ambiguous-path route: -"),
        # What comes before any route.
        ("TRACE /static", "decision: deny reason: method-refused route: -"),
        ("GET /static --host x.test", "decision: deny reason: unknown-host route: -"),
        ("GET /_gatepost/whoami --host x.test", "decision: deny reason: unknown-host route: -"),
        ("GET static", "decision: deny reason: malformed-request route: -"),
        ("GET /static --header Host:b", "decision: deny reason: malformed-request route: -"),
        (
            "GET /.well-known/oauth-protected-resource",
            "decision: allow reason: endpoint route: gatepost",
        ),
        # What a route says of credentials.
        ("GET /keys --user a", "decision: allow reason: allowed route: keys"),
        (
            "GET /keys --user a --credential bearer",
            "decision: deny reason: unknown-credential route: keys",
        ),
        (
            "GET /keys --user a --credential api_key",
            "decision: deny reason: unknown-credential route: keys",
        ),
        (
            "GET /keys --user a --credential token",
            "decision: deny reason: unknown-credential route: keys",
        ),
        ("GET /keys --bad", "decision: sign_in reason: session-expired route: keys"),
        (
            "GET /fresh --credential api_key --bad",
            "decision: deny reason: unknown-key route: fresh",
        ),
        (
            "GET /fresh --credential token --bad",
            "decision: deny reason: unknown-token route: fresh",
        ),
        (
            "GET /fresh --credential bearer --bad",
            "decision: deny reason: invalid-token route: fresh",
        ),
        (
            "GET /mcp --user a --credential api_key --key-route tools",
            "decision: deny reason: key-not-for-route route: mcp",
        ),
        (
            "GET /mcp --user a --credential api_key --key-route tools --key-route mcp",
            "decision: allow reason: allowed route: mcp",
        ),
        (
            "GET /mcp --header X-API-Key:gp_cut",
            "decision: deny reason: malformed-credential route: mcp",
        ),
        (
            "GET /mcp --header X-API-Key:other",
            "decision: allow reason: foreign-credential route: mcp",
        ),
        # What a route says of where a request comes from.
        (
            "POST /script --user a --header Origin:https://evil.test",
            "decision: deny reason: cross-site route: script",
        ),
        (
            "POST /script --user a --header Origin:https://notes.example.com",
            "decision: allow reason: allowed route: script",
        ),
        (
            "POST /script --user a --credential token --header Origin:https://evil.test",
            "decision: allow reason: allowed route: script",
        ),
        (
            "OPTIONS /script --header Origin:https://a.test"
            " --header Access-Control-Request-Method:POST",
            "decision: allow reason: preflight route: script",
        ),
        ("OPTIONS /script", "decision: deny reason: no-route route: -"),
        ("GET /keys --user a\u200b", "decision: deny reason: user-unusable route: keys"),
        # What depends on the time, and on other requests.
        ("GET /old --at 2026-12-31T23:59:59Z", "decision: allow reason: public route: old"),
        ("GET /old --at 2027-01-01", "decision: deny reason: gone route: old"),
        ("GET /few --after 1", "decision: allow reason: public route: few"),
        ("GET /few --after 2", "decision: deny reason: rate-limited route: few"),
        # What is known of the user.
        ("GET /fresh --user a", "decision: allow reason: allowed route: fresh"),
        (
            "GET /fresh --user a --auth-age 2h",
            "decision: step_up reason: sign-in-too-old route: fresh",
        ),
        (
            "GET /fresh --user a --credential bearer",
            "decision: step_up reason: sign-in-too-old route: fresh",
        ),
        (
            "GET /fresh --user a --credential bearer --auth-age 5m",
            "decision: allow reason: allowed route: fresh",
        ),
        ("GET /own --user a --claim /org/unit=ops", "decision: allow reason: allowed route: own"),
        (
            "GET /own --user a --claim /org/unit=sales --claim /org/unit=ops",
            "decision: allow reason: allowed route: own",
        ),
        ("GET /own --user a --claim unit=ops", "decision: deny reason: claim-missing route: own"),
        (
            "GET /own --user a --claim /org/unit=ops --credential bearer",
            "decision: deny reason: provider-not-allowed route: own",
        ),
    ],
)
def test_the_last_line_is_the_decision(config: str, arguments: str, last: str) -> None:
    result = CliRunner().invoke(explain_command, ["-c", config, *arguments.split()])

    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == last


def test_each_route_and_condition_is_told(config: str) -> None:
    asked = ["-c", config, "GET", "/reports/7", "--user", "bob", "--ip", "10.0.0.9"]

    told = CliRunner().invoke(explain_command, asked).output.splitlines()

    assert told[0] == "- route assets: does not match /reports/7"
    assert told[7:9] == [
        "- route api: is for api.example.com, not notes.example.com",
        "+ route reports: matches the request",
    ]
    assert told[9:14] == [
        "    access: rules",
        "    - deny[0]: does not hold",
        "        - unmet       user: eve (user-not-allowed: user is 'bob')",
        "    - allow[0]: does not hold",
        "        - unmet       group: admins (group-missing: any of 'admins')",
    ]
    assert told[14] == "        + met         ip: 10.0.0.0/8"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("/reports --user a --ip 10.0.0.9", ["allow[0] would pass with group: admins", GOLD]),
        (
            "/reports --user a --group admins --ip 10.1.2.3",
            ["deny[0] would refuse with user: eve"],
        ),
        (
            "/reports --user eve --group admins --ip 10.1.2.3 --acr gold",
            ["deny[0] refuses, whatever allow says"],
        ),
        (
            "/reports --ip 10.0.0.9",
            [
                "allow[0] would pass after signing in with group: admins",
                "allow[1] would pass after signing in with acr: gold",
            ],
        ),
        ("/fresh --user a --auth-age 2h", ["allow[0] would pass after signing in again within 1h"]),
        ("/keys", ["would be decided anew after signing in"]),
        ("/static", []),
        ("/keys --user a", []),
        ("/setup", ["nothing in the request would: the route refuses everyone"]),
        (
            "/tools --credential foreign",
            ["allow[0] would pass with ip: 10.0.0.0/8"],
        ),
        (
            "/keys --user a --credential api_key",
            ["Send one of the kinds named in `WWW-Authenticate`."],
        ),
    ],
)
def test_what_would_change_a_decision_is_told(config, arguments, said):
    told = explained(config, "GET", *arguments.split())

    assert [it.removeprefix("to change it: ") for it in told if "to change it" in it] == said


@pytest.mark.parametrize(
    "presented",
    [
        ["--credential", "foreign"],
        ["--header", "Authorization: Basic YXBw"],
        ["--header", "Authorization: Basic YXBw", "--user", "alice"],
    ],
)
def test_what_is_left_to_the_app_is_told(config: str, presented: list[str]) -> None:
    asked = ["-c", config, "GET", "/tools", "--ip", "10.0.0.9", *presented]

    told = CliRunner().invoke(explain_command, asked).output

    assert "        + met         ip: 10.0.0.0/8\n          for the app group: admins\n" in told
    assert told.endswith("decision: allow reason: foreign-credential route: tools\n")


def explained(config, *arguments):
    result = CliRunner().invoke(explain_command, ["-c", config, *arguments])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_where_conditions_are_not_asked_none_is_told(config: str) -> None:
    told = explained(config, "GET", "/reports", "--credential", "api_key", "--bad")

    assert not [line for line in told if line.startswith("     ")]


def test_what_a_route_says_and_what_a_client_gets_is_told(config: str) -> None:
    asked = ["GET", "/keys", "--header", "Accept: text/html"]

    assert explained(config, *asked)[1:] == [
        "+ route keys: matches the request",
        "    credentials: session",
        "    access: signed_in",
        "answer: 302 Found",
        "location: /_gatepost/sign-in?return_to=/keys",
        "because: This address requires a sign-in or another credential.",
        "to change it: would be decided anew after signing in",
        "decision: sign_in reason: sign-in-required route: keys",
    ]
    assert "goes to: notes" in explained(config, *asked, "--user", "a")


def test_the_path_sent_to_the_app_is_shown_where_it_is_another(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(CONFIG.replace("127.0.0.1:3000", "127.0.0.1:3000/base"))

    assert "sent as: /base/static/x?a" in explained(str(path), "GET", "/static/x?a")
    route = "{name: assets, prefix: /static, access: public"
    path.write_text(CONFIG.replace(route, f"{route}, strip_prefix: /static, add_prefix: /a"))
    told = explained(str(path), "GET", "/static/x?a")
    assert "sent as: /a/x?a" in told
    assert "    strip_prefix: /static" in told
    assert explained(str(path), "GET", "/static//x")[-1] == (
        "decision: deny reason: ambiguous-path route: assets"
    )
    path.write_text(CONFIG)
    assert "sent as" not in explained(str(path), "GET", "/static/x?a")


def test_a_host_that_is_not_served_is_told(config: str) -> None:
    told = explained(config, "GET", "/static", "--host", "other.test")

    assert told[-4:] == [
        "answer: 421 Misdirected Request",
        "because: This gateway does not serve the requested host.",
        "to change it: Check the address. The gateway serves the hosts in `public_url` and"
        " `routes[].host`. A proxy in front must pass `Host` on.",
        "decision: deny reason: unknown-host route: -",
    ]


def test_how_servers_read_a_path_is_told(config: str) -> None:
    told = explained(config, "GET", "/static/../setup")

    assert told[:2] == [
        "some servers read the path as '/setup'",
        "+ route assets: matches as '/static/../setup'",
    ]
    assert "+ route setup: matches as '/setup'" in told


def test_nothing_in_a_request_looks_like_a_line_of_the_answer(config: str) -> None:
    told = explained(config, "GET", "/setup%0Adecision:%20allow%1b[2J")

    assert [line for line in told if line.startswith("decision: ")] == told[-1:]
    assert all(line.isprintable() for line in told)


def test_it_is_told_to_programs_too(config: str) -> None:
    asked = ["GET", "/reports", "--user", "bob", "--ip", "10.0.0.9", "--json"]
    (line,) = explained(config, *asked)
    told = json.loads(line)

    assert (told["decision"], told["reason"]) == ("step_up", "acr-not-allowed")
    assert (told["route"], told["answer"]) == ("reports", "401 Unauthorized")
    assert told["routes"][0] == {
        "route": "assets",
        "covers": [],
        "why_not": "does not match /reports",
    }
    assert told["routes"][-1] == {"route": "reports", "covers": ["/reports"], "why_not": None}
    assert told["settings"] == {"access": "rules"}
    assert told["conditions"][1] == {
        "where": "allow[0]",
        "defined": None,
        "condition": "group: admins",
        "result": "unmet",
        "reason": "group-missing",
        "detail": "any of 'admins'",
    }
    assert told["conditions"][2]["result"] == "met"
    assert told["to_change_it"][0] == {
        "where": "allow[0]",
        "text": "would pass with group: admins",
    }


def test_no_secret_is_read_and_nothing_is_written(tmp_path: Path) -> None:
    secrets = {"secret_file": "s", "store": "postgresql://db.invalid/x"}
    secrets["server"] = {"tls": {"cert_file": "missing.pem", "key_file": "missing.pem"}}
    settings = yaml.safe_load(CONFIG) | secrets
    settings["providers"]["zitadel"]["client_secret_file"] = "missing"
    settings["upstreams"]["notes"] = {
        "url": "https://127.0.0.1:1",
        "tls": {"ca_file": "missing.pem", "cert_file": "missing.pem", "key_file": "missing.pem"},
        "request_headers": {"set": {"X-Key": {"file": "missing"}}},
    }
    settings["audit"] = {"file": str(tmp_path / "audit.log")}
    settings["data_dir"] = str(tmp_path / "data")
    path = tmp_path / "gatepost.yaml"
    path.write_text(yaml.safe_dump(settings))

    told = explained(str(path), "GET", "/keys", "--user", "alice")

    assert told[-1] == "decision: allow reason: allowed route: keys"
    assert [it.name for it in tmp_path.iterdir()] == ["gatepost.yaml"]


def test_the_documentation_shows_what_is_told(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "explain.md").read_text()
    command, shown = re.search(r"\$ gatepost explain ([^\n]*)\n(.*?)```", text, re.S).groups()
    settings = yaml.safe_load(CONFIG)
    keys = {"name": "key-management", "prefix": "/api/keys", "credentials": ["session"]}
    settings["routes"] = [settings["routes"][0], {**keys, "access": "signed_in"}]
    path = tmp_path / "gatepost.yaml"
    path.write_text(yaml.safe_dump(settings))

    assert explained(str(path), *command.split()) == shown.splitlines()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("GET / --ip nowhere", "--ip: 'nowhere'"),
        ("GET / -c missing.yaml", "missing.yaml"),
        ("GET / --credential foreign --user alice", "only the app knows its user"),
        ("GET / --credential foreign --bad", "only the app knows its user"),
        ("GET / --user alice --bad", "a bad credential has no user"),
        ("GET / --group admins", "--group: only with --user"),
        ("GET / --bad --email a@b.example --scope notes", "--email, --scope: only with --user"),
        (
            "GET / --role r --claim a=b --provider dev",
            "--role, --claim, --provider: only with --user",
        ),
        ("GET / --credential foreign --acr a --amr b", "--acr, --amr: only with --user"),
        ("GET / --auth-age 2h", "--auth-age: only with --user"),
        ("GET / --credential bearer", "add --user, or --bad"),
        ("GET / --user alice --key-route keys", "needs --credential api_key"),
        ("GET / --user a --credential api_key --key-route x", "there is no route x"),
        ("GET / --user alice --provider x", "there is no provider x"),
        ("GET / --user alice --auth-age long", "--auth-age"),
        ("GET / --user alice --claim x", "is not NAME=VALUE"),
        ("GET / --user alice --claim /a=1 --claim /a/b=2", "has a value and members"),
        ("GET / --at tomorrow", "is not a time"),
        ("GET / --header x", "is not 'Name: value'"),
        ("GET / --host a\r\nX:y", "cannot contain line breaks"),
    ],
)
def test_what_cannot_be_asked_is_said(config: str, arguments: str, problem: str) -> None:
    result = CliRunner().invoke(explain_command, ["-c", config, *arguments.split(" ")])

    assert result.exit_code == 2
    assert problem in result.output


def test_what_is_outside_of_the_public_url_is_told(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(
        "public_url: https://notes.example.com/static\n"
        "upstreams: {notes: http://127.0.0.1:3000}\n"
        "providers: {zitadel: {issuer: https://id.example.com, client_id: notes}}\n"
        "routes: [{name: assets, prefix: /static, access: public}]\n"
    )

    assert explained(str(path), "GET", "/static/x")[-1].endswith("route: assets")
    told = explained(str(path), "GET", "/x")
    assert "- route assets: /x is outside of https://notes.example.com/static" in told
    assert told[-1] == "decision: deny reason: no-route route: -"
    told = explained(str(path), "GET", "/static/_gatepost/whoami")
    assert told[-1] == "decision: allow reason: endpoint route: gatepost"


def test_a_host_of_a_star_is_explained(tmp_path):
    path = tmp_path / "gatepost.yaml"
    path.write_text(
        "public_url: https://*.example.com\n"
        "upstreams: {notes: http://127.0.0.1:3000}\n"
        "providers: {zitadel: {issuer: https://id.example.com, client_id: notes}}\n"
        "routes:\n"
        "  - {name: one, prefix: /, host: one.example.com, access: denied}\n"
        "  - {name: rest, prefix: /, host: '*.example.com', access: public}\n"
    )

    assert explained(str(path), "GET", "/")[-1].endswith("route: rest")
    told = explained(str(path), "GET", "/", "--host", "two.example.com")
    assert "- route one: is for one.example.com, not two.example.com" in told
    assert told[-1].endswith("route: rest")
    told = explained(str(path), "GET", "/", "--host", "one.example.com")
    assert told[-1] == "decision: deny reason: denied route: one"
    told = explained(str(path), "GET", "/", "--host", "a.b.example.com")
    assert told[-1] == "decision: deny reason: unknown-host route: -"


def test_an_item_of_a_named_condition_is_shown_with_its_name_and_place(tmp_path: Path) -> None:
    (tmp_path / "gatepost.yaml").write_text(
        "public_url: https://notes.example.com\n"
        "upstreams: {app: 'http://app:1'}\n"
        "providers: {idp: {issuer: 'https://id.example.com', client_id: x, client_auth: none}}\n"
        "include: rules.yaml\n"
        "conditions: {outside: {ip: 203.0.113.0/24}}\n"
        "routes: [{name: all, prefix: /, access: {allow: [{user: eve}, staff], deny: outside}}]\n"
    )
    (tmp_path / "rules.yaml").write_text(
        "conditions:\n  staff:\n    - {group: staff}\n    - {email_domain: example.com}\n"
    )
    config = str(tmp_path / "gatepost.yaml")
    told = explained(config, "GET", "/", "--user", "kim", "--group", "staff")

    assert [line for line in told if line.startswith(("    + ", "    - "))] == [
        f"    - deny[0] outside[0] ({config}:5:14): does not hold",
        "    - allow[0]: does not hold",
        f"    + allow[1] staff[0] ({tmp_path}/rules.yaml:3:7): holds",
        f"    - allow[1] staff[1] ({tmp_path}/rules.yaml:4:7): does not hold",
    ]
    assert told[-1] == "decision: allow reason: allowed route: all"
    asked = ["-c", config, "GET", "/", "--user", "kim", "--ip", "203.0.113.7", "--json"]
    found = json.loads(CliRunner().invoke(explain_command, asked).output)
    assert (found["decision"], found["reason"]) == ("deny", "denied-by-rule")
    assert [(it["where"], it["defined"]) for it in found["conditions"]] == [
        ("deny[0] outside[0]", f"{config}:5:14"),
        ("allow[0]", None),
        ("allow[1] staff[0]", f"{tmp_path}/rules.yaml:3:7"),
        ("allow[1] staff[1]", f"{tmp_path}/rules.yaml:4:7"),
    ]


def test_a_route_that_is_not_enforced_decides_nothing_and_says_what_it_would(tmp_path):
    path = tmp_path / "gatepost.yaml"
    trial = "{name: trial, prefix: /keys, access: {allow: {group: admins}}, enforce: false}"
    path.write_text(CONFIG.replace("routes:\n", f"routes:\n  - {trial}\n"))

    told = explained(str(path), "GET", "/keys", "--user", "a")
    assert told[-7:] == [
        "    access: signed_in",
        "not enforced: deny reason: group-missing route: trial",
        "    access: rules",
        "    - allow[0]: does not hold",
        "        - unmet       group: admins (group-missing: any of 'admins')",
        "goes to: notes",
        "decision: allow reason: allowed route: keys",
    ]
    (line,) = explained(str(path), "GET", "/keys", "--user", "a", "--json")
    assert json.loads(line)["shadow"]["reason"] == "group-missing"
    assert not any("enforced" in it for it in explained(str(path), "GET", "/static"))


def test_what_else_a_route_says_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "gatepost.yaml"
    path.write_text(
        "public_url: [https://notes.example.com, 'https://*.apps.example.com']\n"
        "upstreams: {app: {url: 'http://app:1', path_case: ignore}}\n"
        "api_keys: {}\n"
        "routes:\n"
        "  - name: api\n"
        "    prefix: /api\n"
        "    host: '*.apps.example.com'\n"
        "    access: signed_in\n"
        "    challenges: [basic]\n"
        "    cors: {origins: https://spa.example.com}\n"
    )
    told = explained(str(path), "GET", "/API/x", "--host", "a.apps.example.com")

    assert told[1:6] == [
        "    host: *.apps.example.com",
        "    path_case: ignore",
        "    challenges: basic",
        "    cors: https://spa.example.com",
        "    access: signed_in",
    ]
