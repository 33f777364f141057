"""Policy tests: made-up requests and what the policy must decide about them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from gateway.kinds import KINDS
from gateway.message.mailbox import read_mailbox
from gateway.settings.access import ClaimName, Texts
from gateway.settings.document import Path, Problem
from gateway.settings.scalars import (
    TOKEN,
    Duration,
    FieldName,
    OneOrMany,
    Section,
    Text,
    as_text,
    quote,
    unknown_message,
    wrong,
)
from gateway.settings.tested_message import TestedMessage

FOREIGN = "foreign"
# The name under which the gateway's own endpoints are recorded.
_OWN_ROUTE = "gatepost"
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?")
_SWITCHES = {"true": True, "false": False}
_FIRST_YEAR, _LAST_YEAR = 1971, 9999
_LEAST_STATUS, _MOST_STATUS = 200, 599

if TYPE_CHECKING:
    TestedCredential = str
else:
    TestedCredential = Literal[(*KINDS, FOREIGN)]
DecisionWord = Literal["allow", "deny", "sign_in", "step_up"]


def parse_moment(value: object) -> datetime:
    """A date or time (ISO 8601), in UTC unless it names a zone."""
    if isinstance(value, datetime):
        return value
    text = as_text(value, "a time")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise wrong(f"{quote(text)} is not a time (write 2027-03-01T12:00Z)") from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    # Towards the first and the last year, conversions of the time zone overflow.
    if not _FIRST_YEAR <= at.year < _LAST_YEAR:
        raise wrong(f"{quote(text)} is not between {_FIRST_YEAR} and {_LAST_YEAR}")
    return at


def _request(text: str) -> str:
    method, _, target = text.partition(" ")
    if TOKEN.fullmatch(method) is None or method != method.upper() or not target:
        raise wrong(f"{quote(text)} is not a request (write GET /path)")
    if not target.startswith(("/", "*")) or " " in target or not target.isprintable():
        raise wrong(f"{quote(target)} is not a path: it must start with / and have no blanks")
    return text


def _host(text: str) -> str:
    if re.fullmatch(r"[^\s/@?#]+", text) is None:
        raise wrong(f"{quote(text)} is not a host such as api.example.com")
    return text


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise wrong(f"{quote(text)} is not an address (write 10.1.2.3)") from None


def _mailbox(text: str) -> str:
    if read_mailbox(text) is None:
        raise wrong(f"{quote(text)} is not an e-mail address such as kim@example.com")
    return text


def _reason(text: str) -> str:
    if re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", text) is None:
        raise wrong(f"{quote(text)} is not a reason such as group-missing, see docs/reasons.md")
    return text


def _parse_status(value: object) -> int:
    number = value if isinstance(value, int) else 0
    if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value):
        number = int(value)
    if not _LEAST_STATUS <= number <= _MOST_STATUS:
        raise wrong(
            f"{quote(str(value))} is not a status that the gateway answers with, such as 403"
        )
    return number


def _json_value(value: Any) -> Any:
    """A claim as a provider sends it: what looks like a number or a switch is one."""
    if isinstance(value, dict):
        return {name: _json_value(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_json_value(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if value in _SWITCHES:
        return _SWITCHES[value]
    if _NUMBER.fullmatch(value) is None:
        return value
    return float(value) if "." in value else int(value)


Listed = Annotated[tuple[Text, ...], OneOrMany(empty=True)]
Claims = Annotated[Mapping[ClaimName, Any], BeforeValidator(_json_value)]


class TestedIdentity(Section):
    """Who sends the request of a test, and by which credential.

    Attributes:
        user: None only if `credential` is foreign.
        credential: ``session`` by default.
        auth_age: Seconds; None for the default of the kind of credential.
    """

    # Not a test class, whatever its name says to pytest.
    __test__ = False

    user: Text | None = Field(None, description="User name, as sent to the app.")
    email: Annotated[Text, AfterValidator(_mailbox)] | None = Field(
        None, description="Verified e-mail address."
    )
    groups: Listed = Field((), description="Groups of the user.")
    roles: Listed = Field((), description="Roles of the user.")
    scopes: Listed = Field((), description="Scopes of the credential.")
    claims: Claims = Field(
        {}, description="Claims of the user, by name or JSON pointer; 7 and true are no texts."
    )
    provider: Text | None = Field(
        None, description="Name of the user's provider; default: the first one."
    )
    credential: TestedCredential | None = Field(
        None,
        description="Kind of credential, or foreign: one that only the app recognises; default:"
        " session.",
    )
    acr: Text | None = Field(None, description="Authentication context class (OIDC `acr`).")
    amr: Listed = Field((), description="Methods the user signed in with (OIDC `amr`).")
    auth_age: Duration | None = Field(
        None, description="How long ago the user signed in; default: just now; bearer: unknown."
    )

    @model_validator(mode="after")
    def _names_who(self) -> Self:
        given = sorted(self.model_fields_set - {"credential"})
        if self.credential == FOREIGN and given:
            raise wrong(f"only the app knows the user of a foreign credential: remove {given[0]}")
        if self.credential != FOREIGN and self.user is None:
            raise wrong('"user" is missing')
        return self


class ExpectedDecision(Section):
    """What must happen to a request; None for what the test leaves open."""

    decision: DecisionWord | None = Field(None, description="allow, deny, sign_in or step_up.")
    reason: Annotated[Text, AfterValidator(_reason)] | None = Field(
        None, description="The reason, as in the audit log."
    )
    route: Text | None = Field(
        None, description="Name of the route that decides; gatepost: the gateway's own."
    )
    status: (
        Annotated[
            int,
            PlainValidator(_parse_status),
            WithJsonSchema({"type": "integer", "minimum": _LEAST_STATUS, "maximum": _MOST_STATUS}),
        ]
        | None
    ) = Field(None, description="Status of the gateway's own answer.")

    @model_validator(mode="before")
    @classmethod
    def _spelled_out(cls, value: object) -> object:
        return {"decision": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"enum": list(get_args(DecisionWord))}, handler(schema)]}

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise wrong("is empty: write allow, deny, sign_in or step_up")
        return self

    def __str__(self) -> str:
        """The expectation on one line: ``deny, reason group-missing``."""
        named = [(name, getattr(self, name)) for name in ("reason", "route", "status")]
        parts = [f"{name} {value}" for name, value in named if value is not None]
        return ", ".join([*([self.decision] if self.decision else []), *parts])


class PolicyTest(Section):
    """One test of the policy; without `as`, nobody is signed in.

    Attributes:
        request: ``METHOD TARGET``.
        identity: None if nobody is signed in.
        at: None for the time of the check.
    """

    name: Text | None = Field(None, description="What the test is about.")
    request: Annotated[Text, AfterValidator(_request)] = Field(
        description="Method and path, such as GET /reports/1."
    )
    host: Annotated[Text, AfterValidator(_host)] | None = Field(
        None, description="The requested host; default: that of public_url."
    )
    ip: Annotated[Text, AfterValidator(_address)] = Field(
        "127.0.0.1", description="Address of the client."
    )
    headers: Mapping[FieldName, Texts] = Field({}, description="Fields of the request.")
    mcp: TestedMessage | None = Field(
        None,
        description="JSON-RPC message in the body; default: none.",
        examples=[{"method": "tools/call", "tool": "delete_note"}],
    )
    at: (
        Annotated[
            datetime,
            PlainValidator(parse_moment),
            WithJsonSchema({"type": "string", "format": "date-time"}),
        ]
        | None
    ) = Field(None, description="When the request comes; default: now.")
    identity: TestedIdentity | None = Field(
        None,
        alias="as",
        description="Who sends the request; default: a client that is not signed in.",
    )
    expect: ExpectedDecision = Field(description="allow, deny, sign_in, step_up, or a mapping.")

    @model_validator(mode="after")
    def _has_a_body(self) -> Self:
        if self.mcp is not None and not self.request.startswith("POST "):
            raise wrong("mcp: only a POST has a message")
        return self


def check_policy_tests(
    tests: Sequence[PolicyTest | None], routes: Sequence[str], providers: Sequence[str]
) -> Iterator[Problem]:
    """Names in `tests` that are no names of `routes` or `providers`."""
    for index, test in enumerate(tests):
        path: Path = ("tests", index)
        if test is None:
            continue
        provider = None if test.identity is None else test.identity.provider
        if provider is not None and provider not in providers:
            message = unknown_message("provider", provider, providers)
            yield Problem((*path, "as", "provider"), message)
        route = test.expect.route
        if route not in (None, _OWN_ROUTE, *routes):
            message = unknown_message("route", route or "", routes)
            yield Problem((*path, "expect", "route"), message)
