"""What `gatepost explain` prints is what the policy does."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.explain import explain_command

CONFIG = """
public_url: https://notes.example.com
upstreams: {notes: http://127.0.0.1:3000}
providers: {zitadel: {issuer: https://id.example.com, client_id: notes}}
routes:
  - {name: assets, prefix: /static, access: public}
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
        ("GET /static/x", "decision: allow reason: allowed route: assets"),
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
        ("GET /static --credential foreign", "decision: allow reason: allowed route: assets"),
        ("GET /_gatepost/whoami", "decision: allow reason: endpoint route: -"),
        ("GET /static/../setup", "decision: deny reason: ambiguous-path route: -"),
    ],
)
def test_the_last_line_is_the_decision(config: str, arguments: str, last: str) -> None:
    result = CliRunner().invoke(explain_command, ["-c", config, *arguments.split()])

    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[-1] == last


def test_each_route_and_condition_is_told(config: str) -> None:
    asked = ["-c", config, "GET", "/reports/7", "--user", "bob", "--ip", "10.0.0.9"]

    told = CliRunner().invoke(explain_command, asked).output.splitlines()

    assert told[:3] == [
        "route assets: does not cover /reports/7",
        "route api: is for api.example.com, not notes.example.com",
        "route reports: covers the request",
    ]
    assert any(line.strip().startswith("unmet       group: admins") for line in told)
    assert any(line.strip().startswith("met         ip: 10.0.0.0/8") for line in told)


def test_what_is_left_to_the_app_is_told(config: str) -> None:
    asked = ["-c", config, "GET", "/tools", "--credential", "foreign", "--ip", "10.0.0.9"]

    told = CliRunner().invoke(explain_command, asked).output

    assert "    met         ip: 10.0.0.0/8\n    for the app group: admins\n" in told


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("GET / --ip nowhere", "--ip: 'nowhere'"),
        ("GET / -c missing.yaml", "missing.yaml"),
        ("GET / --credential foreign --user alice", "whose it is, only the app knows"),
    ],
)
def test_what_cannot_be_asked_is_said(config: str, arguments: str, problem: str) -> None:
    result = CliRunner().invoke(explain_command, ["-c", config, *arguments.split()])

    assert result.exit_code == 2
    assert problem in result.output
