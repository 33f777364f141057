"""Reads the compose files of `examples/compose`, as far as no container is needed."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "examples" / "compose"
FILES = sorted({it.name for it in COMPOSE.glob("compose*.yaml")})
# Those that have their gateway's configuration in a folder of their own.
FOLDERS = sorted(path.parent.name for path in COMPOSE.glob("*/gatepost.yaml"))

VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")
# What .env might have; any other variable is filled in with 32 characters.
FILLED_IN = {
    "BACKEND_IMAGE": "example/notes:1",
    "OIDC_CLIENT_ID": "notes",
    "OIDC_ISSUER": "https://id.example.com",
    "PUBLIC_URL": "https://notes.example.com",
    "ZITADEL_IMAGE": "zitadel/zitadel:v4.11.0",
}
SOMETHING = "0123456789abcdef0123456789abcdef"


def filled_in(value: Any) -> Any:
    """What a compose file says, with .env filled in; the other variables have their default.

    Compose too reads YAML first, so a value stays a text.
    """
    if isinstance(value, dict):
        return {name: filled_in(it) for name, it in value.items()}
    if isinstance(value, list):
        return [filled_in(it) for it in value]
    return VARIABLE.sub(_value, value) if isinstance(value, str) else value


def _value(found: re.Match[str]) -> str:
    name, kind, default = found.groups()
    if kind == "-" and name not in FILLED_IN:
        return str(default)
    return FILLED_IN.get(name, SOMETHING)


def read(name: str) -> dict[str, Any]:
    """A compose file, filled in."""
    found: dict[str, Any] = filled_in(yaml.safe_load((COMPOSE / name).read_text()))
    return found


def gateways(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The services that run Gatepost."""
    return {name: it for name, it in compose["services"].items() if it["image"] == "gatepost"}


def networks(service: dict[str, Any]) -> set[str]:
    """The networks that a service is on."""
    return set(service["networks"])


def internal(compose: dict[str, Any]) -> set[str]:
    """The networks without a way out."""
    return {name for name, options in compose["networks"].items() if options.get("internal")}
