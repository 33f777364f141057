"""Write the table of all settings into docs/configuration.md, and config/schema.json for editors.

With ``--check`` nothing is written and the status is 1 where one of them is behind.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from gateway.settings import schema
from gateway.settings.json_schema import json_schema

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "config" / "schema.json"
FULL = ROOT / "config" / "full.yaml"
EXAMPLES = ROOT / "gateway" / "settings" / "examples.json"
BEGIN = "<!-- settings: written by make docs -->\n"
END = "<!-- settings: end -->\n"

# What stands for the name a user chooses, by the mapping it is in.
CHOSEN = {
    "upstreams": "NAME",
    "providers": "NAME",
    "clients": "NAME",
    "conditions": "NAME",
    "claim": "CLAIM",
    "authorize_params": "PARAMETER",
}


class Loader(yaml.SafeLoader):
    """Reads `on` and `off` as text, as YAML 1.2 does."""


Loader.yaml_implicit_resolvers = {
    first: [it for it in resolvers if it[0] != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def rows(node: dict[str, Any], path: str, definitions: dict[str, Any]) -> Iterator[str]:
    """One table row for each setting at and under `node`, in the schema's order."""
    properties = node.get("properties")
    if properties is None:
        return
    defaults = getattr(schema, node["title"]).model_construct().model_dump(mode="json")
    required = node.get("required", [])
    for name, member in properties.items():
        inner = f"{path}.{name}" if path else name
        inside = list(below(member, inner, name, definitions))
        default = "required" if name in required else shown(name, defaults.get(name), inside)
        yield f"| `{inner}` | {default} | {described(member, definitions)} |\n"
        yield from inside


def described(member: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What a setting means: its own words, or the first line about its section."""
    text = member.get("description")
    if text is None and "$ref" in member:
        text = definitions[member["$ref"].rpartition("/")[2]].get("description")
    return (text or "").partition("\n")[0].replace("|", "\\|")


def below(node: dict[str, Any], path: str, name: str, definitions: dict[str, Any]) -> Iterator[str]:
    """The rows of what `node` refers to: sections, lists and mappings of sections."""
    if "$ref" in node:
        target = definitions[node["$ref"].rpartition("/")[2]]
        yield from below(target, path, name, definitions)
    elif "properties" in node:
        yield from rows(node, path, definitions)
    elif choices := node.get("anyOf") or node.get("oneOf"):
        # One, or a list of the same: the list's rows say it all.
        lists = [choice for choice in choices if choice.get("type") == "array"]
        for choice in lists or choices:
            yield from below(choice, path, name, definitions)
    elif isinstance(node.get("items"), dict):
        yield from below(node["items"], f"{path}[]", name, definitions)
    elif isinstance(node.get("additionalProperties"), dict):
        chosen = CHOSEN.get(name, "FIELD")
        yield from below(node["additionalProperties"], f"{path}.{chosen}", name, definitions)


def shown(name: str, default: object, inside: list[str]) -> str:
    """A default as the file would have it; nothing where the settings inside have their own."""
    if default is None or default in ([], {}, "") or inside:
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if name.endswith("_bytes") and isinstance(default, int) and default:
        return f"`{default // 1024}KiB`"
    if isinstance(default, list):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{default}`"


def table() -> str:
    """The whole table, with its head."""
    root = schema.Settings.model_json_schema()
    head = "| setting | default | meaning |\n|---|---|---|\n"
    return head + "".join(rows({**root, "title": "Settings"}, "", root["$defs"]))


def main() -> int:
    """Write the page and the schema, or check them."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    full = yaml.load(FULL.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a SafeLoader
    examples = json.dumps(full, indent=1, default=str, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv:
        # The schema is made with them.
        EXAMPLES.write_text(examples, encoding="utf-8")
    wanted = {
        EXAMPLES: examples,
        PAGE: f"{before}{BEGIN}\n{table()}\n{END}{after}",
        SCHEMA: json.dumps(json_schema(), indent=1) + "\n",
    }
    behind = [it for it in wanted if not it.exists() or it.read_text("utf-8") != wanted[it]]
    if "--check" in sys.argv:
        for path in behind:
            sys.stderr.write(f"{path.relative_to(ROOT)} is behind the settings: make docs\n")
        return 1 if behind else 0
    for path in behind:
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
