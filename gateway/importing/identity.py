"""The fields that carry the identity to the app, as oauth2-proxy sent them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.importing.alpha import Header
from gateway.importing.emit import Noted, Value, literal
from gateway.importing.findings import Report
from gateway.importing.given import Given
from gateway.settings.document import Data
from gateway.settings.presets import PRESETS
from gateway.settings.scalars import TOKEN

_PLACEHOLDERS = {
    "user": "{user}",
    "email": "{email}",
    "groups": "{groups}",
    "preferred_username": "{claim:/preferred_username}",
    "access_token": "{access_token}",
    "id_token": "{id_token}",
}
_PASSWORD = "${BASIC_AUTH_PASSWORD}"  # noqa: S105 - a variable


@dataclass(slots=True)
class Sent:
    """What an upstream is sent: fields of the identity, and other fields of requests."""

    identity: dict[str, Value] = field(default_factory=dict)
    request: dict[str, Value] = field(default_factory=dict)

    def settings(self) -> dict[str, Value]:
        """The settings of an upstream that send them."""
        headers: Value = self.identity or "none"
        for preset in ("x-forwarded", "x-auth-request"):
            if self.identity == PRESETS[preset]:
                headers = preset
        settings: dict[str, Value] = {"identity": {"headers": headers}}
        if self.request:
            settings["request_headers"] = {"set": self.request}
        return settings


def sent_by_options(given: Given, *, asked: bool) -> Sent:
    """What the plain options send; `asked` if another proxy asks, and reads fields of answers."""
    user = "{email}" if given.is_on("prefer_email_to_user") else "{user}"
    sent = Sent()
    prefix = "X-Auth-Request" if asked else "X-Forwarded"
    is_on = (
        True
        if asked
        else given.is_on("pass_user_headers", True) or given.is_on("pass_basic_auth", True)
    )
    if is_on:
        sent.identity = dict(PRESETS["x-auth-request" if asked else "x-forwarded"])
        sent.identity[f"{prefix}-User"] = user
    if given.is_on("pass_access_token"):
        sent.identity[f"{prefix}-Access-Token"] = "{access_token}"
    basic = given.is_on("set_basic_auth") if asked else given.is_on("pass_basic_auth", True)
    password = given.get("basic_auth_password")
    bearer = given.is_on("set_authorization_header" if asked else "pass_authorization_header")
    if basic and password is not None:
        given.say("to do", "basic_auth_password", "not copied: set BASIC_AUTH_PASSWORD")
        value: dict[str, Value] = {
            "user": user,
            "password": Noted(_PASSWORD, "secrets are not copied"),
        }
        sent.request["Authorization"] = {"basic": value}
    if bearer and "Authorization" in sent.request:
        given.say("no equal", "pass_authorization_header", "Authorization has the password")
    elif bearer:
        sent.identity["Authorization"] = "Bearer {id_token}"
    if not asked:
        for option in ("set_xauthrequest", "set_authorization_header", "set_basic_auth"):
            if given.is_on(option):
                given.say("not needed", option, "only a proxy that asks reads fields of answers")
    return sent


def sent_by_headers(headers: Sequence[Header], report: Report) -> Sent:
    """What the structured file sends."""
    sent = Sent()
    for header in headers:
        option = f"injectRequestHeaders {header.name}"
        if TOKEN.fullmatch(header.name) is None:
            report.add("no equal", header.place, option, "is not the name of a field")
            continue
        if header.keeps_clients:
            message = "preserveRequestValue: a client's own value never reaches the app"
            report.add("no equal", header.place, option, message)
        if len(header.values) > 1:
            report.add("no equal", header.place, option, "has several values: the first is sent")
        if header.values:
            _put(sent, header, header.values[0], report, option)
    return sent


def _put(
    sent: Sent, header: Header, value: dict[str, Data] | object, report: Report, option: str
) -> None:
    told = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else {}
    claim, prefix = told.get("claim"), told.get("prefix") or ""
    if isinstance(claim, str):
        placeholder = _placeholder(claim)
        if placeholder is None:
            report.add("no equal", header.place, option, f"no placeholder stands for {claim!r}")
        elif "basicauthpassword" in told:
            password = _secret(told["basicauthpassword"], header, report, option)
            sent.request[header.name] = {"basic": {"user": placeholder, **password}}
        elif isinstance(prefix, str) and not re.search(r"[{}]", prefix):
            sent.identity[header.name] = literal(prefix) + placeholder
        else:
            report.add("no equal", header.place, option, "its prefix has braces")
        return
    kept = _secret(told, header, report, option, name="value")
    if "value_file" in kept:
        sent.request[header.name] = {"file": kept["value_file"]}
    elif "value" in kept:
        sent.request[header.name] = kept["value"]


def _placeholder(claim: str) -> str | None:
    if claim in _PLACEHOLDERS:
        return _PLACEHOLDERS[claim]
    return f"{{claim:{claim}}}" if re.fullmatch(r"[A-Za-z0-9_.:-]+", claim) else None


def _secret(
    source: Data, header: Header, report: Report, option: str, name: str = "password"
) -> dict[str, Value]:
    """A setting that reads the secret of `source`, which is not copied."""
    low = {k.lower(): v for k, v in source.items()} if isinstance(source, dict) else {}
    file, variable = low.get("fromfile"), low.get("fromenv")
    if isinstance(file, str) and file:
        return {f"{name}_file": literal(file)}
    if isinstance(variable, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable):
        return {name: f"${{{variable}}}"}
    if not low:
        return {}
    own = re.sub(r"[^A-Z0-9]+", "_", header.name.upper()).strip("_") or "HEADER"
    report.add("to do", header.place, option, f"its value was not copied: set {own}")
    return {name: Noted(f"${{{own}}}", "secrets are not copied")}
