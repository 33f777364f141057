"""An upstream's ``request_headers`` and ``response_headers``, and the allowed field names."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from gateway.settings.scalars import (
    FieldName,
    FileName,
    OneOrMany,
    SecretText,
    Section,
    Text,
    as_text,
    quote,
    wrong,
)
from gateway.settings.templates import PLACEHOLDER, template_problem

# RFC 9110, section 7.6.1, and RFC 9112, section 6: these belong to one connection or frame the
# message.  Routing is decided on Host, and sessions on Cookie.
_FRAMING = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What the gateway says of the request: twice, an app could take either.
_OF_THE_REQUEST = frozenset(
    {
        "forwarded",
        "traceparent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-request-id",
    }
)
RESERVED = _FRAMING | _OF_THE_REQUEST | {"host", "cookie", "expect"}


def fold_name(name: str) -> str:
    """A field name as the most lenient upstream compares it."""
    return re.sub(r"[^0-9a-z]", "-", name.lower())


def check_names(names: Mapping[str, Any], reserved: frozenset[str]) -> None:
    """Refuse names that are `reserved`, in any spelling, or that apps treat as one field.

    Raises:
        PydanticCustomError: Two of `names` fold to one, or one of them is reserved.
    """
    seen: dict[str, str] = {}
    for name in names:
        folded = fold_name(name)
        if folded in reserved:
            raise wrong(f"cannot set {name}: the gateway sets it itself")
        if folded in seen:
            raise wrong(
                f"sets {quote(seen[folded])} and {quote(name)}, which apps treat as the same field"
            )
        seen[folded] = name


def _account_secret(value: object) -> str:
    text = as_text(value, "the name of a secret")
    if not text or text != text.strip() or not text.isprintable():
        raise wrong("must be one line of text, such as notes-key")
    return text


AccountSecret = Annotated[
    str, PlainValidator(_account_secret), WithJsonSchema({"type": "string", "minLength": 1})
]


class BasicSettings(Section):
    """User name and password for an app that accepts only HTTP Basic (RFC 7617).

    Attributes:
        password: The password itself, even if it comes from `password_file`.
    """

    user: str = Field("{user}", description="User name, with placeholders such as {user}.")
    password: SecretText | None = Field(
        None, repr=False, description="The same password for all; prefer password_file."
    )
    password_file: FileName | None = Field(None, description="File with the password.")
    account_secret: AccountSecret | None = Field(
        None, description="Name of the secret, kept with each account, that is the password."
    )

    @model_validator(mode="after")
    def _has_one_password(self) -> Self:
        if (self.password is None) == (self.account_secret is None):
            raise wrong("needs either password_file or account_secret")
        problem = template_problem(self.user)
        if problem is not None:
            raise wrong(problem)
        if ":" in PLACEHOLDER.sub("", self.user):
            # RFC 7617, section 2: the password begins after the first colon.
            raise wrong("user must not contain a colon")
        return self


class HeaderValueSettings(Section):
    """The value of one field set on requests.

    Attributes:
        value: The template, or the file's content, which is never a template.
        file: The file with the value; None for a template.
        account_secret: Name of a secret kept with the account; None for any other value.
    """

    value: str = Field("", description="Text, with placeholders such as {user}.")
    file: FileName | None = Field(None, description="File with the value.")
    account_secret: AccountSecret | None = Field(
        None, description="Name of a secret kept with each account."
    )
    prefix: str = Field("", description="Text before the secret, such as `Token `.")
    basic: BasicSettings | None = Field(None, description="HTTP Basic credentials for the app.")

    @property
    def is_template(self) -> bool:
        """Whether `value` has placeholders to fill in."""
        return bool(self.value) and self.file is None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"value": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        given = [self.value.strip() or self.file, self.account_secret, self.basic]
        if sum(bool(it) for it in given) != 1:
            raise wrong("needs one of text, {file: …}, {account_secret: …} and {basic: …}")
        if self.prefix and self.account_secret is None:
            raise wrong("prefix goes with account_secret")
        if not self.prefix.isprintable():
            raise wrong("prefix must not contain line breaks or control characters")
        if not all(c.isprintable() or c == "\t" for c in self.value):
            raise wrong("must not contain line breaks or control characters")
        problem = template_problem(self.value) if self.is_template else None
        if problem is not None:
            raise wrong(problem)
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        full = handler(schema)
        return {"anyOf": [{"type": ["string", "number", "boolean"]}, full]}


class RequestHeaderSettings(Section):
    """Fields to set on or remove from requests."""

    set: Mapping[FieldName, HeaderValueSettings] = Field(
        {},
        description="Field names and values: text with placeholders such as {user}, {file: …},"
        " {account_secret: …} or {basic: …}.",
    )
    remove: Annotated[tuple[FieldName, ...], OneOrMany(empty=True)] = Field(
        (), description="Fields to remove."
    )

    @model_validator(mode="after")
    def _may_be_set(self) -> Self:
        check_names(self.set, RESERVED)
        check_names(dict.fromkeys(self.remove), frozenset({"host"}) | _FRAMING)
        return self


class ResponseHeaderSettings(Section):
    """Fields to set on or remove from responses."""

    set: Mapping[FieldName, Text] = Field({}, description="Field names and literal values.")
    remove: Annotated[tuple[FieldName, ...], OneOrMany(empty=True)] = Field(
        (), description="Fields to remove."
    )

    @model_validator(mode="after")
    def _may_be_set(self) -> Self:
        check_names(self.set, _FRAMING | {"set-cookie"})
        check_names(dict.fromkeys(self.remove), _FRAMING)
        return self
