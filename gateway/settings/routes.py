"""Routes: which requests each covers, and what it requires."""

import re
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import quote as quote_path

from pydantic import AfterValidator, Field, PlainValidator, WithJsonSchema, model_validator

from gateway.kinds import SCHEMES
from gateway.message.public_url import OWN_PREFIX
from gateway.message.public_url import covers as is_under
from gateway.message.star import is_star
from gateway.message.target import parse_target
from gateway.settings.access import Access, Credential
from gateway.settings.addresses import HostText, WebUrl, plain_path
from gateway.settings.cors import CorsSettings
from gateway.settings.launch import LaunchSettings
from gateway.settings.scalars import (
    EMPTY,
    Count,
    Duration,
    Flag,
    Method,
    OneOrMany,
    Section,
    Text,
    quote,
    wrong,
)

_OWN = f"paths under {OWN_PREFIX} cannot be routed: the gateway answers them itself"


def _path(text: str) -> str:
    """A decoded path, without anything that servers could read differently."""
    if not text.startswith("/"):
        raise wrong(f"{quote(text)} must start with /")
    if not text.isprintable() or "\\" in text:
        raise wrong(f"{quote(text)} must not contain a backslash or control characters")
    if re.search(r"%[0-9A-Fa-f]{2}", text):
        raise wrong(f"{quote(text)} must be written decoded, without %-escapes")
    found = re.search(r"[?#;]", text)
    if found is not None:
        raise wrong(f"{quote(text)} must not contain {found[0]}: only the path is matched")
    if any(segment in (".", "..") for segment in text.split("/")) or "//" in text:
        raise wrong(f"{quote(text)} must not contain //, . or .. segments")
    if text == OWN_PREFIX or text.startswith(OWN_PREFIX + "/"):
        raise wrong(_OWN)
    return text


def _prefix(text: str) -> str:
    if len(text) > 1 and text.endswith("/"):
        raise wrong(f"a prefix matches whole segments: write {quote(text.rstrip('/') or '/')}")
    return _path(text)


def _regex(text: str) -> str:
    if not text:
        raise wrong(EMPTY)
    try:
        re.compile(text)
    except re.error as error:
        raise wrong(f"{quote(text)} is not a regular expression: {error}") from None
    except (RecursionError, OverflowError):
        raise wrong(f"{quote(text)} is too large a regular expression") from None
    if text == OWN_PREFIX or text.startswith(OWN_PREFIX + "/"):
        raise wrong(_OWN)
    return text


def _parse_date(value: object) -> date:
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise wrong(f"{quote(str(value))} is not a date (write 2027-03-01)")


def _moved_prefix(text: str) -> str:
    if not text.startswith("/") or text == "/":
        raise wrong(f"{quote(text)} must be / and at least one segment, such as /notes")
    return plain_path(text)


PathText = Annotated[str, AfterValidator(_path)]
PrefixText = Annotated[str, AfterValidator(_prefix)]
MovedPrefix = Annotated[str, AfterValidator(_moved_prefix)]
RegexText = Annotated[str, AfterValidator(_regex)]
Day = Annotated[
    date, PlainValidator(_parse_date), WithJsonSchema({"type": "string", "format": "date"})
]

if TYPE_CHECKING:
    Challenge = str
else:
    Challenge = Literal[tuple(SCHEMES)]


class RateLimitSettings(Section):
    """A maximum number of requests in a time span.

    Attributes:
        per: Seconds.
    """

    requests: Count = Field(description="Number of requests allowed in `per`.")
    per: Duration = Field(description="Time span.")
    by: Literal["user", "ip", "key"] = Field("user", description="What requests are counted by.")

    @model_validator(mode="after")
    def _is_a_limit(self) -> Self:
        if self.requests < 1 or self.per <= 0:
            raise wrong("requests and per must be more than 0")
        return self


class DeprecatedSettings(Section):
    """A deprecated route (RFC 9745, RFC 8594)."""

    since: Day = Field(description="Deprecated from this day on.")
    sunset: Day | None = Field(None, description="Gone from this day on: 410.")
    link: WebUrl | None = Field(None, description="Page that explains the change.")

    @model_validator(mode="after")
    def _ends_after_it_began(self) -> Self:
        if self.sunset is not None and self.sunset < self.since:
            raise wrong("sunset must not be before since")
        return self


class RouteSettings(Section):
    """One route; the first route that matches a request decides it.

    Exactly one of `path`, `prefix`, `regex` is given; the other tuples are empty.

    Attributes:
        host: Hosts to match, lower case, default ports dropped; empty means every served host.
        methods: Methods to match, upper case; empty means all.
        upstream: Name of the upstream; None only if the route forwards nothing.
        credentials: Accepted kinds of credential; empty means all that are configured.
        strip_prefix: Without trailing slash; empty for none; so is `add_prefix`.
        challenges: Schemes that a 401 names; empty means those of the credentials.
    """

    name: Text = Field(description="Unique; the label in metrics, audit and explain.")
    path: Annotated[tuple[PathText, ...], OneOrMany()] = Field(
        (), description="The whole decoded path."
    )
    prefix: Annotated[tuple[PrefixText, ...], OneOrMany()] = Field(
        (), description="Whole segments: /static covers /static and /static/x, not /statics."
    )
    regex: RegexText | None = Field(
        None, description="Python regular expression for the whole decoded path."
    )
    host: Annotated[tuple[HostText, ...], OneOrMany()] = Field(
        (),
        description="Hosts to match, such as api.example.com or *.apps.example.com (one label);"
        " default: every host served.",
    )
    methods: Annotated[tuple[Method, ...], OneOrMany()] = Field(
        (), description="Methods to match; default: all."
    )
    upstream: Text | None = Field(
        None, description="Name of the upstream; optional if there is only one."
    )
    strip_prefix: MovedPrefix = Field(
        "",
        description="Taken off the path before it is sent to the app: /notes/x is sent as /x. Rules"
        " are judged on the path as the client sends it.",
    )
    add_prefix: MovedPrefix = Field(
        "", description="Put before the path that is sent to the app, after strip_prefix."
    )
    access: Access = Field(
        description="Who gets access: a keyword, or a mapping of allow and deny."
    )
    credentials: Annotated[tuple[Credential, ...], OneOrMany()] = Field(
        (), description="Accepted kinds of credential; default: all that are configured."
    )
    rate_limit: RateLimitSettings | None = Field(
        None, description="Limit on the number of requests."
    )
    unauthenticated: Literal["auto", "sign_in", "reject"] = Field(
        "auto",
        description="auto: redirect a navigation to the sign-in, answer 401 to any other request.",
    )
    challenges: Annotated[tuple[Challenge, ...], OneOrMany()] = Field(
        (),
        description="Schemes that a 401 names, exactly: basic, bearer, gatepost (for sessions);"
        " default: those of the accepted credentials.",
    )
    foreign_credentials: Literal["refuse", "pass"] = Field(
        "refuse",
        description="pass: an Authorization or API key that is not the gateway's is"
        " forwarded unchanged, without identity.",
    )
    preflight: Literal["refuse", "pass"] = Field(
        "refuse", description="pass: forwards a CORS preflight without identity."
    )
    cors: CorsSettings | None = Field(
        None,
        description="Other origins whose scripts may use the route: the gateway answers"
        " preflights itself, and these scripts can read its own refusals too.",
    )
    mcp: Flag = Field(
        False,
        description="The app is an MCP server: the gateway is its authorization server, and only"
        " tokens that were asked for with this route as their resource are accepted here.",
    )
    deprecated: DeprecatedSettings | None = Field(
        None, description="Marks the route as deprecated."
    )
    launch: LaunchSettings | None = Field(
        None, description="Lists the route among the apps on the account page."
    )
    before: Text | None = Field(
        None,
        description="In an included file: the name of the route that this one comes right before."
        " Without before or after, it comes after all routes of the main file.",
    )
    after: Text | None = Field(
        None,
        description="In an included file: the name of the route that this one comes right after.",
    )
    enforce: Flag = Field(
        True,
        description="false: the route decides nothing. What it would decide is counted and in the"
        " audit, and the next route that matches decides.",
    )

    @property
    def launch_path(self) -> str | None:
        """Where `launch` begins, percent-encoded; None without it, or if that cannot be told."""
        if self.launch is None:
            return None
        named = (*self.path, *self.prefix)
        return self.launch.path or (quote_path(named[0]) if named else None)

    @property
    def asks_for_credentials(self) -> bool:
        """Whether credentials are read on this route."""
        return self.access not in ("public", "sign_in", "denied", "gone")

    @property
    def passes_foreign(self) -> bool:
        """Whether foreign credentials are forwarded for the app to judge."""
        return self.foreign_credentials == "pass" and self.asks_for_credentials

    @property
    def forwards(self) -> bool:
        """Whether requests of this route may reach an upstream."""
        return self.access not in ("sign_in", "denied", "gone")

    @model_validator(mode="after")
    def _covers_one_way(self) -> Self:
        given = bool(self.path) + bool(self.prefix) + (self.regex is not None)
        if given != 1:
            raise wrong(
                f"route {quote(self.name)} needs exactly one of path, prefix, regex"
                + (" and has none" if given == 0 else "")
            )
        return self

    @model_validator(mode="after")
    def _can_be_launched(self) -> Self:
        if self.launch is None:
            return self
        if not self.forwards:
            raise wrong(f"launch: nobody can open a route with access: {self.access}")
        if self.methods and "GET" not in self.methods:
            raise wrong("launch: browsers open a page by GET, which methods leaves out")
        start = self.launch_path
        if start is None:
            raise wrong("launch: write path, because the route has only a regex")
        if not self._covers(parse_target(start.encode()).path):
            raise wrong(f"launch: {quote(start)} is no path of this route")
        if self.host and all(map(is_star, self.host)):
            raise wrong("launch: the route needs a host without a star, which the link leads to")
        return self

    def _covers(self, path: str) -> bool:
        if path in self.path or any(is_under(it.rstrip("/"), path) for it in self.prefix):
            return True
        return self.regex is not None and re.fullmatch(self.regex, path) is not None

    @model_validator(mode="after")
    def _has_one_word_on_preflights(self) -> Self:
        if self.cors is not None and self.preflight == "pass":
            raise wrong("cors answers preflights: leave out preflight: pass")
        return self
