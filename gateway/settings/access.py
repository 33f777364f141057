"""A route's `access`: keywords, `allow` and `deny` lists, and their conditions."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from gateway.kinds import KINDS
from gateway.message.mailbox import a_labels, read_mailbox
from gateway.settings.addresses import NetworkText
from gateway.settings.countries import CountryCode
from gateway.settings.document import Path
from gateway.settings.expressions import ExpressionText
from gateway.settings.hours import HoursSettings
from gateway.settings.scalars import (
    Duration,
    FieldName,
    Method,
    OneOrMany,
    Section,
    Text,
    quote,
    wrong,
)
from gateway.settings.templates import pointer_problem

AccessWord = Literal["public", "optional", "signed_in", "sign_in", "denied", "gone"]
if TYPE_CHECKING:
    Credential = str
else:
    Credential = Literal[tuple(KINDS)]


def _claim_name(text: str) -> str:
    problem = pointer_problem(text)
    if problem is not None:
        raise wrong(problem)
    return text


def _mailbox(text: str) -> str:
    if read_mailbox(text) is None:
        raise wrong(f"{quote(text)} is not an e-mail address such as kim@example.com")
    return text.lower()


def _domain(text: str) -> str:
    if a_labels(text.removeprefix("@")) is None:
        raise wrong(f"{quote(text)} is not a domain such as example.com")
    return text.lower()


Texts = Annotated[tuple[Text, ...], OneOrMany()]
Mailboxes = Annotated[tuple[Annotated[Text, AfterValidator(_mailbox)], ...], OneOrMany()]
Domains = Annotated[tuple[Annotated[Text, AfterValidator(_domain)], ...], OneOrMany()]
ClaimName = Annotated[Text, AfterValidator(_claim_name)]


class ConditionSettings(Section):
    """Facts that must all hold; of several values for one fact, any is enough.

    A fact that is None is not checked; at least one is given.

    Attributes:
        email: In lower case, as is `email_domain`.
        max_age: Maximum seconds since the user proved who they are.
        claim: Name or JSON pointer -> values; numbers and booleans as written in the file.
    """

    user: Texts | None = Field(None, description="User name, as sent to the app.")
    email: Mailboxes | None = Field(None, description="Verified e-mail address.")
    email_domain: Domains | None = Field(None, description="Domain of the verified e-mail address.")
    group: Texts | None = Field(None, description="Group, from the provider or the account.")
    role: Texts | None = Field(None, description="Role, from the provider or the account.")
    scope: Texts | None = Field(None, description="OAuth scope granted to the credential.")
    claim: Mapping[ClaimName, Texts] | None = Field(
        None, description="Claim name or JSON pointer, and accepted values."
    )
    provider: Texts | None = Field(None, description="Name of a provider in this file.")
    credential: Annotated[tuple[Credential, ...], OneOrMany()] | None = Field(
        None, description="Kind of credential."
    )
    acr: Texts | None = Field(None, description="Authentication context class (OIDC `acr`).")
    amr: Texts | None = Field(None, description="Authentication method (OIDC `amr`).")
    max_age: Duration | None = Field(None, description="Maximum time since the user signed in.")
    ip: Annotated[tuple[NetworkText, ...], OneOrMany()] | None = Field(
        None, description="Client address or network in CIDR form."
    )
    method: Annotated[tuple[Method, ...], OneOrMany()] | None = Field(
        None, description="HTTP method."
    )
    header: Mapping[FieldName, Texts] | None = Field(
        None, description="Request field, and accepted values."
    )
    mcp_method: Texts | None = Field(
        None,
        description="JSON-RPC method of the message to an MCP server; * stands for any characters.",
        examples=[["initialize", "tools/list", "notifications/*"]],
    )
    mcp_tool: Texts | None = Field(
        None,
        description="Tool that the message to an MCP server calls; * stands for any characters.",
        examples=["delete_*"],
    )
    time: Annotated[tuple[HoursSettings, ...], OneOrMany()] | None = Field(
        None, description="Days and hours."
    )
    country: Annotated[tuple[CountryCode, ...], OneOrMany()] | None = Field(
        None, description="Country of the client's address, by country_file: CZ, DE."
    )
    when: ExpressionText | None = Field(
        None, description="Expression over all facts, in a subset of CEL."
    )

    @property
    def of_message(self) -> list[str]:
        """The conditions on the message to an MCP server."""
        return [it for it in ("mcp_method", "mcp_tool") if getattr(self, it) is not None]

    @model_validator(mode="before")
    @classmethod
    def _asks_for_something(cls, value: Any) -> Any:
        if value == {}:
            raise wrong("is empty: a condition needs at least one fact")
        if isinstance(value, dict):
            for name, given in value.items():
                if given is None or given == {}:
                    raise wrong(f"condition {name!s} is empty")
        return value


# The conditions that do not depend on the identity.  They apply to foreign credentials too, as does
# a `when` that reads no facts of the identity.
WHOEVER_ASKS = frozenset({"ip", "method", "header", "time", "country", "mcp_method", "mcp_tool"})


@dataclass(frozen=True, slots=True)
class NamedItem:
    """One item of a named condition.

    Attributes:
        where: The names that lead to it from a rule, such as ``staff[1]`` or ``everyone staff[1]``.
        path: Where it is defined, such as ``("conditions", "staff", 1)``.
    """

    where: str
    path: Path
    settings: ConditionSettings


@dataclass(frozen=True, slots=True)
class Named:
    """The name of a condition of `conditions`, in place of an item.

    Attributes:
        items: Any of them is enough; empty until the names are resolved, and if `name` is unknown.
    """

    name: str
    items: tuple[NamedItem, ...] = ()


def _read_named(value: object) -> Named:
    return value if isinstance(value, Named) else Named(str(value))


def _entry_kind(value: object) -> str:
    return "|named" if isinstance(value, str | Named) else "|item"


def _condition_name(text: str) -> str:
    if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", text) is None:
        raise wrong(f"{quote(text)} is not a name (letters, digits, hyphens, underscores)")
    if text in get_args(AccessWord):
        raise wrong(f"{text} is a keyword of access: choose another name")
    return text


NamedText = Annotated[Named, PlainValidator(_read_named), WithJsonSchema({"type": "string"})]
# What stands in `allow` and `deny`: an item, or the name of several.
Entry = Annotated[
    Annotated[ConditionSettings, Tag("|item")] | Annotated[NamedText, Tag("|named")],
    Discriminator(_entry_kind),
]
Conditions = Annotated[tuple[Entry, ...], OneOrMany()]
ConditionName = Annotated[str, AfterValidator(_condition_name)]


@dataclass(frozen=True, slots=True)
class PlacedItem:
    """An item of `allow` or `deny`.

    Attributes:
        where: Its place in the list: ``[0]``, or ``[0] staff[1]`` if a name stands there.
        path: Where it is written: in the list, or where the named condition is defined.
        is_named: Whether a name stands for it, so that other rules may use it too.
    """

    where: str
    path: Path
    settings: ConditionSettings
    is_named: bool = False


def items_of(entries: Iterable[Entry]) -> Iterator[ConditionSettings]:
    """The items of `entries`, with those of named conditions in place of their names."""
    return (item.settings for item in placed(entries, ()))


def placed(entries: Iterable[Entry], path: Path) -> Iterator[PlacedItem]:
    """The items of `entries`, whose path is `path`, with their places."""
    for index, entry in enumerate(entries):
        if isinstance(entry, Named):
            for it in entry.items:
                yield PlacedItem(f"[{index}] {it.where}", it.path, it.settings, is_named=True)
        else:
            yield PlacedItem(f"[{index}]", (*path, index), entry)


class AccessRules(Section):
    """Who may pass: any item of `allow` (every signed-in user if empty) and none of `deny`.

    Attributes:
        allow: Empty only if the file gives none.
        deny: Takes precedence over `allow`.
    """

    allow: Conditions = Field(
        (),
        description="One matching item, or item of a named condition, is enough; all conditions of"
        " an item must hold.",
    )
    deny: Conditions = Field(
        (),
        description="One matching item, or item of a named condition, refuses the request, whatever"
        " allow says.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.allow and not self.deny:
            raise wrong("is empty: write allow, deny or one of the keywords")
        return self


def _access_kind(value: object) -> str:
    return "|rules" if isinstance(value, dict | AccessRules) else "|word"


Access = Annotated[
    Annotated[AccessWord, Tag("|word")] | Annotated[AccessRules, Tag("|rules")],
    Discriminator(_access_kind),
]
