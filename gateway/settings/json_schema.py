"""The configuration's JSON Schema, for editors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.settings.schema import Settings

# A file that has every setting, as JSON: `make docs` writes it from config/full.yaml.
_EXAMPLES = Path(__file__).with_name("examples.json")
_CA, _CERT, _KEY = (f"/etc/gatepost/{it}.pem" for it in ("ca", "cert", "key"))
_CLIENT = {
    "client_secret": "${OIDC_CLIENT_SECRET}",
    "client_key": "${OIDC_CLIENT_KEY}",
    "client_key_file": "/run/secrets/client_key.pem",
}
# What that file cannot have beside the rest, by section.
_MORE: Mapping[str, Mapping[str, object]] = {
    "Settings": {"secret": "${GATEPOST_SECRET}"},
    "ClientSettings": {
        "client_secret": "${WIKI_CLIENT_SECRET}",
        "client_key": "${INTRANET_CLIENT_KEY}",
    },
    "ServerSettings": {"tls": {"cert_file": _CERT, "key_file": _KEY}},
    "ServerTlsSettings": {"cert_file": _CERT, "key_file": _KEY, "min_version": "1.3"},
    "UpstreamTlsSettings": {
        "ca_file": _CA,
        "cert_file": _CERT,
        "key_file": _KEY,
        "server_name": "app.internal",
        "insecure_skip_verify": True,
    },
    "BasicSettings": {"password": "${APP_PASSWORD}", "password_file": "/run/secrets/app"},
    "ProviderSettings": {
        **_CLIENT,
        "client_assertion_file": "/var/run/secrets/tokens/idp",
        "client_key_id": "ABC123",
        "team_id": "DEF456",
        "jwks_uri": "https://id.example.com/keys",
        "end_session_endpoint": "https://id.example.com/end",
        "internal_url": "http://keycloak:8080/realms/main",
        "proxy": "http://proxy.internal:3128",
        "tenants": ["9188040d-6c67-4c5b-b112-36a304b66dad"],
        "tls": {"ca_file": _CA},
    },
    "ProviderTlsSettings": {"ca_file": _CA, "cert_file": _CERT, "key_file": _KEY},
    "ClaimSettings": {"email": "email", "name": ["name", "preferred_username"]},
    "IntrospectionSettings": _CLIENT,
    "LdapSettings": {
        "bind_password": "${LDAP_PASSWORD}",
        "bind_as": "uid={user},ou=people,dc=example,dc=com",
        "ca_file": _CA,
    },
    "LdapGroupSettings": {"attribute": "memberOf"},
    "SmtpSettings": {"password": "${SMTP_PASSWORD}", "tls": {"ca_file": _CA}},
    "SmtpTlsSettings": {"ca_file": _CA},
    "HookSettings": {"on": ["create", "update"]},
    "HttpHookSettings": {"secret": "${HOOK_SECRET}"},
    "SqlHookSettings": {"dsn": "${APP_DSN}", "timeout": "5s"},
    "ConditionSettings": {
        "user": "alice",
        "scope": "notes:read",
        "credential": ["session", "token"],
        "amr": "mfa",
        "method": ["GET", "HEAD"],
        "header": {"X-Tier": "gold"},
    },
    "RouteSettings": {"before": "everything", "after": "login"},
}


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, of a configuration file, with an example of each setting."""
    schema = Settings.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Gatepost configuration"
    # The environment may supply what the file leaves out.
    schema.pop("required", None)
    _tidy(schema)
    _show(schema, json.loads(_EXAMPLES.read_text(encoding="utf-8")), schema["$defs"])
    for section, examples in _MORE.items():
        node = schema if section == "Settings" else schema["$defs"][section]
        for name, example in examples.items():
            node["properties"][name].setdefault("examples", [example])
    return schema


def _show(node: dict[str, Any], value: object, definitions: Mapping[str, Any]) -> None:
    """Give each setting in `node` that has no example yet its part of `value`."""
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        _show(choice, value, definitions)
    if isinstance(value, list):
        for item in value:
            _show(node.get("items", {}), item, definitions)
    elif isinstance(value, dict):
        others = node.get("additionalProperties")
        for name, inner in value.items():
            member = node.get("properties", {}).get(name)
            if member is not None:
                member.setdefault("examples", [inner])
                _show(member, inner, definitions)
            elif isinstance(others, dict):
                _show(others, inner, definitions)


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
