"""Turns the options of `gatepost explain`, or the fields of its form, into a request."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from gateway.accounts.account import facts_of
from gateway.assembly.dry_run import Asked
from gateway.authn import EXAMPLES
from gateway.authz.claims import pointer_tokens
from gateway.credentials.local import issuer_of
from gateway.kinds import LDAP, LOCAL
from gateway.message.star import example_of
from gateway.model import Identity
from gateway.settings.scalars import parse_duration
from gateway.settings.schema import Settings

FOREIGN = "foreign"
_CALL = "tools/call"
_OF_THE_APP = "Authorization: Foreign of-the-app"


class PretenceError(ValueError):
    """An option is not valid, or goes with no other; the message names it as the command does."""


@dataclass(frozen=True, slots=True)
class Pretence:
    """The options as given; None or empty if absent.

    Attributes:
        bad: The credential is not valid.
        claims: ``NAME=VALUE`` each, or values by name.
        mcp_method: JSON-RPC method of the message in the body; None if there is none.
        mcp_tool: The tool that the message calls.
        after: Number of similar requests at the same moment before it.
    """

    method: str
    target: str
    host: str | None = None
    ip: str = "127.0.0.1"
    at: str | None = None
    headers: tuple[str, ...] = ()
    credential: str | None = None
    bad: bool = False
    user: str | None = None
    email: str | None = None
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] | Mapping[str, object] = ()
    provider: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    auth_age: str | None = None
    key_routes: tuple[str, ...] = ()
    after: int = 0
    mcp_method: str | None = None
    mcp_tool: str | None = None

    @property
    def kind(self) -> str | None:
        """The kind of credential in the request; None if there is none."""
        if self.credential is None and (self.user is not None or self.bad):
            return "session"
        return self.credential


def asked_of(settings: Settings, pretence: Pretence, now: float) -> Asked:
    """The request that `pretence` describes, sent at `now` unless it names a time.

    Raises:
        PretenceError: An option is not valid.
    """
    _check(settings, pretence)
    kind, user = pretence.kind, pretence.user
    at = now if pretence.at is None else _time(pretence.at)
    identity = None
    if kind is not None and user is not None:
        identity = _identity(settings, pretence, kind, user, at)
    return Asked(
        head=_head(settings, pretence),
        peer=_address(pretence.ip),
        at=at,
        identity=identity,
        times=pretence.after + 1,
        body=_body(pretence),
    )


def _facts_given(pretence: Pretence) -> list[str]:
    """The given options that describe a user."""
    given = {
        "--email": pretence.email,
        "--group": pretence.groups,
        "--role": pretence.roles,
        "--scope": pretence.scopes,
        "--claim": pretence.claims,
        "--provider": pretence.provider,
        "--acr": pretence.acr,
        "--amr": pretence.amr,
        "--auth-age": pretence.auth_age,
    }
    return [option for option, value in given.items() if value]


def _check(settings: Settings, pretence: Pretence) -> None:
    kind, user, key_routes = pretence.kind, pretence.user, pretence.key_routes
    if kind == FOREIGN and (user is not None or pretence.bad):
        raise PretenceError(
            "--credential foreign: only the app knows its user; omit --user and --bad"
        )
    if user is not None and pretence.bad:
        raise PretenceError("--bad: a bad credential has no user; omit --user")
    if kind not in (None, FOREIGN) and user is None and not pretence.bad:
        raise PretenceError(f"--credential {kind}: add --user, or --bad for a bad credential")
    facts = _facts_given(pretence)
    if user is None and facts:
        raise PretenceError(f"{', '.join(facts)}: only with --user")
    if key_routes and kind != "api_key":
        raise PretenceError("--key-route: needs --credential api_key")
    unknown = set(key_routes) - {route.name for route in settings.routes}
    if unknown:
        raise PretenceError(f"--key-route: there is no route {', '.join(sorted(unknown))}")
    if pretence.method.upper() != "POST" and (pretence.mcp_method or pretence.mcp_tool):
        raise PretenceError("--mcp-method, --mcp-tool: only with POST, which has the message")
    if pretence.mcp_tool is not None and pretence.mcp_method not in (None, _CALL):
        raise PretenceError(f"--mcp-tool: only with --mcp-method {_CALL}, or without it")
    if pretence.provider and pretence.provider not in _issuers(settings):
        raise PretenceError(f"--provider: there is no provider {pretence.provider}")


def _head(settings: Settings, pretence: Pretence) -> bytes:
    host = pretence.host or urlsplit(example_of(settings.public_url[0])).netloc
    lines = [f"{pretence.method.upper()} {pretence.target} HTTP/1.1", f"Host: {host}"]
    for header in pretence.headers:
        if ":" not in header:
            raise PretenceError(f"--header: {header!r} is not 'Name: value'")
        lines.append(header)
    if pretence.kind is not None:
        example = EXAMPLES.get(pretence.kind)
        lines.append(_OF_THE_APP if example is None else example(settings))
    if body := _body(pretence):
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    if any("\r" in line or "\n" in line for line in lines):
        raise PretenceError("the request line, host and fields cannot contain line breaks")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("utf-8", "surrogateescape")


def _body(pretence: Pretence) -> bytes:
    """The JSON-RPC message that the options describe; empty if they describe none."""
    method, tool = pretence.mcp_method, pretence.mcp_tool
    if method is None and tool is None:
        return b""
    if method == "":
        # A response has no method.
        return b'{"jsonrpc":"2.0","id":1,"result":{}}'
    message: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": method or _CALL}
    if tool is not None:
        message["params"] = {"name": tool, "arguments": {}}
    return json.dumps(message).encode()


def _identity(settings: Settings, pretence: Pretence, kind: str, user: str, at: float) -> Identity:
    """The identity that the credential proves, with the facts that its kind carries."""
    provider = _provider(settings, kind) if pretence.provider is None else pretence.provider
    age_s = _age_s(pretence, kind)
    whole = Identity(
        user=user,
        subject=user,
        issuer=_issuers(settings)[provider] if provider else _issuer(settings),
        credential=kind,
        provider=provider,
        email=pretence.email,
        groups=pretence.groups,
        roles=pretence.roles,
        scopes=frozenset(pretence.scopes),
        claims=_claims(pretence.claims),
        acr=pretence.acr,
        amr=pretence.amr,
        authenticated_at=None if age_s is None else int(at - age_s),
    )
    if kind != "api_key":
        return whole
    return replace(
        facts_of(whole),
        credential=kind,
        scopes=whole.scopes,
        routes=frozenset(pretence.key_routes) or None,
    )


def _age_s(pretence: Pretence, kind: str) -> float | None:
    """Seconds since the user signed in; 0 by default, except for bearer, where it is unknown."""
    if pretence.auth_age is None:
        return None if kind == "bearer" else 0.0
    try:
        return parse_duration(pretence.auth_age)
    except ValueError as error:
        raise PretenceError(f"--auth-age: {error}") from error


def _provider(settings: Settings, kind: str) -> str:
    """The user's provider if no option names one."""
    if kind != "bearer":
        return next(iter(_issuers(settings)), "")
    named = {it.issuer: name for name, it in settings.providers.items()}
    return named.get(_issuer(settings), "")


def _issuers(settings: Settings) -> Mapping[str, str]:
    """The issuers of those who sign in, by the provider's name."""
    local = {LOCAL: issuer_of(settings.public_url[0])} if settings.has_local_accounts else {}
    if settings.ldap is not None:
        local[LDAP] = settings.ldap.known_as
    return {**{name: it.issuer for name, it in settings.providers.items()}, **local}


def _issuer(settings: Settings) -> str:
    return next((it.issuer for it in settings.bearer), "")


def _claims(given: tuple[str, ...] | Mapping[str, object]) -> Mapping[str, object]:
    """Claims by their names, which may be JSON pointers."""
    claims: dict[str, object] = {}
    for name, value in _pairs(given).items():
        *parents, last = pointer_tokens(name)
        into = claims
        for token in parents:
            inner = into.setdefault(token, {})
            if not isinstance(inner, dict):
                raise PretenceError(f"--claim: {token!r} has a value and members")
            into = inner
        into[last] = deepcopy(value)
    return claims


def _pairs(given: tuple[str, ...] | Mapping[str, object]) -> Mapping[str, object]:
    """Values by name from ``NAME=VALUE`` texts; a repeated name gives a list."""
    if isinstance(given, Mapping):
        return given
    values: dict[str, list[object]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise PretenceError(f"--claim: {text!r} is not NAME=VALUE")
        values.setdefault(name, []).append(_claim(value))
    return {name: them[0] if len(them) == 1 else them for name, them in values.items()}


def _claim(text: str) -> object:
    """The JSON value that `text` is, or `text`: 3 is a number, "3" and 007 are texts."""
    try:
        value = json.loads(text, parse_constant=_not_json)
    except ValueError:
        return text
    is_same = not isinstance(value, int | float) or json.dumps(value) == text
    return value if is_same else text


def _not_json(word: str) -> object:
    raise ValueError(word)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise PretenceError(f"--ip: {error}") from error


def _time(text: str) -> float:
    """Seconds since the epoch for a date or time (ISO 8601), in UTC unless it names a zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise PretenceError(f"--at: {text!r} is not a time (write 2027-03-01T12:00Z)") from error
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
