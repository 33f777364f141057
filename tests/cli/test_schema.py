"""`gatepost schema` as an editor uses it."""

import json

from click.testing import CliRunner

from gateway.cli.schema import schema_command


def test_it_prints_a_json_schema():
    result = CliRunner().invoke(schema_command, [])
    schema = json.loads(result.stdout)

    assert result.exit_code == 0
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False


def test_every_setting_is_described():
    schema = json.loads(CliRunner().invoke(schema_command, []).stdout)
    silent = [
        f"{place}.{name}"
        for place, form in [("", schema), *schema["$defs"].items()]
        for name, setting in form.get("properties", {}).items()
        if "description" not in setting
    ]
    assert silent == []


def test_short_forms_are_known():
    schema = json.loads(CliRunner().invoke(schema_command, []).stdout)
    upstream = schema["$defs"]["UpstreamSettings"]

    assert [form["type"] for form in upstream["anyOf"]] == ["string", "object"]
