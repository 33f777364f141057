"""Accounts: who gets one, the user name sent to apps, and hooks that notify an app."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from gateway.settings.addresses import is_on_private_network, parse_web_url
from gateway.settings.scalars import (
    EMPTY,
    Duration,
    FileName,
    Flag,
    OneOrMany,
    SecretText,
    Section,
    as_text,
    quote,
    unknown_message,
    wrong,
)

HookEventName = Literal["create", "update", "sign_in"]

# Parameters of a statement; gateway.accounts.sql_hook supplies their values.
PARAMETERS = (
    "event",
    "account_id",
    "issuer",
    "subject",
    "user",
    "email",
    "name",
    "groups",
    "roles",
    "external_id",
    "claims",
)
# The syntax of SQLAlchemy's text() for a parameter, also inside string literals; a test keeps the
# two in step.  `::` is a cast, and `\:` is a literal colon.
PARAMETER = re.compile(r"(?<![:\w\x5c]):(\w+)(?![:\w])")
# SQLAlchemy 2.0 drops the last letter of such a parameter's name; 2.1 leaves the parameter as text.
_CAST = re.compile(r"(?<![:\w\x5c]):(\w+):(?::(\w+))?")

_SHORTEST_SECRET = 32  # Bytes: the output size of HMAC-SHA256 (RFC 2104, section 3).
_LONGEST_TIMEOUT_S = 60.0  # A user waits for their first page.


def _hook_url(value: object) -> str:
    if isinstance(value, str) and re.search(r"//[^/?#]*@", value):
        raise wrong("must not contain a user name or password")
    return parse_web_url(value)


def _shared_secret(text: str) -> str:
    if len(text.encode()) < _SHORTEST_SECRET:
        raise wrong("a secret must be at least 32 bytes long (try: openssl rand -base64 32)")
    return text


def _timeout(seconds: float) -> float:
    if not 0 < seconds <= _LONGEST_TIMEOUT_S:
        raise wrong("must be more than 0 and at most 60s, because a user waits for it")
    return seconds


def _dsn(text: str) -> str:
    # The message does not repeat the URL, because it contains a password.
    if re.fullmatch(r"[a-z][a-z0-9_]*(\+[a-z][a-z0-9_]*)?://\S*", text) is None:
        raise wrong("must be an SQLAlchemy URL, such as postgresql://user:password@host/database")
    return text


def _statement(value: object) -> str:
    text = as_text(value, "an SQL statement")
    if not text.strip():
        raise wrong(EMPTY)
    if not all(c.isprintable() or c in "\t\r\n" for c in text):
        raise wrong("must not contain control characters")
    if (cast := _CAST.search(text)) is not None:
        kind = cast[2] or "…"
        raise wrong(f"{quote(cast[0])} cannot be read: write CAST(:{cast[1]} AS {kind})")
    for found in PARAMETER.finditer(text):
        if found[1] not in PARAMETERS:
            message = unknown_message("parameter", f":{found[1]}", [f":{it}" for it in PARAMETERS])
            raise wrong(rf"{message}; a colon that begins no parameter is written \:")
    return text


HookUrl = Annotated[
    str, PlainValidator(_hook_url), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
HookTimeout = Annotated[Duration, AfterValidator(_timeout)]


class HttpHookSettings(Section):
    """A call that notifies an app of an account.

    Attributes:
        secret: The secret itself, even if it comes from `secret_file`.
        timeout: Seconds for all attempts together.
    """

    url: HookUrl = Field(description="Where the event is sent with POST.")
    secret: Annotated[SecretText, AfterValidator(_shared_secret)] | None = Field(
        None,
        repr=False,
        description="Signs the call, at least 32 bytes; prefer secret_file.",
    )
    secret_file: FileName | None = Field(None, description="File with the secret.")
    timeout: HookTimeout = Field(10.0, description="Time for all attempts together, at most 60s.")

    @model_validator(mode="after")
    def _is_signed(self) -> Self:
        if self.secret is None:
            raise wrong("needs secret_file: the app must know who calls")
        return self


class SqlHookSettings(Section):
    """A statement that writes an account into an app's database.

    Attributes:
        dsn: The URL itself, even if it comes from `dsn_file`.
        timeout: Seconds for all attempts together.
    """

    dsn: Annotated[SecretText, AfterValidator(_dsn)] | None = Field(
        None, repr=False, description="Database, as an SQLAlchemy URL; prefer dsn_file."
    )
    dsn_file: FileName | None = Field(None, description="File with the URL.")
    statement: Annotated[
        str, PlainValidator(_statement), WithJsonSchema({"type": "string", "minLength": 1})
    ] = Field(description="One SQL statement with parameters such as :subject and :email.")
    timeout: HookTimeout = Field(10.0, description="Time for all attempts together, at most 60s.")

    @model_validator(mode="after")
    def _has_a_database(self) -> Self:
        if self.dsn is None:
            raise wrong("needs dsn_file")
        return self


class HookSettings(Section):
    """One call or statement that an account needs before its request is forwarded."""

    http: HttpHookSettings | None = Field(None, description="Calls an app over HTTP.")
    sql: SqlHookSettings | None = Field(None, description="Runs a statement in a database.")
    on: Annotated[tuple[HookEventName, ...], OneOrMany()] = Field(
        ("create",),
        description="When: create (a new account), update (what the provider says has changed),"
        " sign_in (every sign-in); one or a list.",
    )

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.http is None) == (self.sql is None):
            raise wrong("needs either http or sql")
        if len(set(self.on)) < len(self.on):
            raise wrong("on names an event twice")
        return self


class AccountSettings(Section):
    """Who gets an account, and how apps learn of it."""

    provision: Literal["on_first_sign_in", "invited"] = Field(
        "on_first_sign_in",
        description="on_first_sign_in: everyone who signs in gets an account; invited: only"
        " linked or invited identities.",
    )
    link_by_verified_email: Flag = Field(
        False,
        description="A new identity joins the account that has the same verified e-mail address.",
    )
    user_header: Literal["user", "account_id", "external_id"] = Field(
        "user",
        description="What apps get as the user: user (the provider's claim), account_id or"
        " external_id.",
    )
    hooks: tuple[HookSettings, ...] = Field(
        (), description="Calls when an account is created or updated or signs in, in this order."
    )


def may_be_read_on_the_way(url: str) -> bool:
    """Whether a call of `url` leaves this machine and its private network without TLS."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_on_private_network(parts.hostname or "")


def has_password(dsn: str) -> bool:
    """Whether `dsn` contains a password."""
    return re.search(r"://[^/?#@]*:[^/?#]+@|[?&]password=", dsn) is not None
