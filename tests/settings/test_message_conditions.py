"""Where `mcp_method` and `mcp_tool` cannot be used, and what `gatepost check` says of it."""

import pytest

from gateway.errors import SettingsError
from gateway.settings.load import load

FILE = """\
public_url: https://notes.example.com
secret_file: s
upstreams: {{app: "http://127.0.0.1:9"}}
api_keys: {{}}
{top}
routes:
  - name: mcp
    path: /mcp
    access: {access}
    {route}
  - {{name: rest, prefix: /, access: signed_in}}
"""
ASKED = "forward_auth: {dialect: nginx}\nserver: {trusted_proxies: [127.0.0.1]}"
STAFF = "{allow: [{user: kim, mcp_method: '*'}]}"


@pytest.fixture
def loaded(tmp_path):
    def run(access=STAFF, top="", route=""):
        (tmp_path / "s").write_text("x" * 40)
        path = tmp_path / "gatepost.yaml"
        path.write_text(FILE.format(access=access, top=top, route=route), encoding="utf-8")
        return load(path, {})

    return run


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"route": "foreign_credentials: pass"}, "routes[0].access.allow[0].mcp_method: cannot be"),
        (
            {"access": "{deny: [{mcp_tool: a}]}", "route": "foreign_credentials: pass"},
            "routes[0].access.deny[0].mcp_tool: cannot be combined with foreign_credentials: pass",
        ),
        (
            {
                "access": "{allow: tools}",
                "route": "foreign_credentials: pass",
                "top": "conditions: {tools: [{mcp_tool: a}]}",
            },
            "conditions.tools[0].mcp_tool: cannot be combined with foreign_credentials: pass",
        ),
        ({"top": "admins: [{mcp_tool: a}]"}, "admins[0].mcp_tool: is about a message"),
        ({"access": "{allow: [{mcp_tool: ''}]}"}, "routes[0].access.allow[0].mcp_tool"),
        ({"access": "{allow: [{mcp_tool: []}]}"}, "routes[0].access.allow[0].mcp_tool"),
    ],
)
def test_where_they_cannot_be_it_is_an_error(loaded, given, message):
    with pytest.raises(SettingsError) as caught:
        loaded(**given)

    assert message in str(caught.value.problems)


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"top": ASKED}, "message-not-judged"),
        ({"route": "methods: [GET, DELETE]"}, "impossible-condition"),
        ({"access": "{allow: [{mcp_tool: a, method: GET}]}"}, "impossible-condition"),
        ({}, None),
        ({"route": "methods: [GET, POST]"}, None),
        ({"access": "{allow: [{mcp_tool: a, method: [GET, POST]}]}"}, None),
        ({"route": "enforce: false", "top": ASKED}, None),
        ({"access": "signed_in", "top": ASKED}, None),
    ],
)
def test_what_has_no_message_is_warned_about(loaded, given, rule):
    found = {it.rule for it in loaded(**given).findings}

    assert found & {"message-not-judged", "impossible-condition"} == ({rule} if rule else set())
