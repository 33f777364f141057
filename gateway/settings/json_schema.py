"""The configuration's JSON Schema, for editors."""

from typing import Any

from gateway.settings.schema import Settings


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of a configuration file."""
    schema = Settings.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Gatepost configuration"
    # The environment may supply what the file leaves out.
    schema.pop("required", None)
    _tidy(schema)
    return schema


def _tidy(node: Any) -> None:
    """Remove generated titles, and keep only the first line of docstrings, for editors."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("description"), str):
        node["description"] = node["description"].partition("\n")[0].replace("`", "")
    for name, value in node.items():
        if name == "properties":
            for member in value.values():
                member.pop("title", None)
                _tidy(member)
        else:
            _tidy(value)
