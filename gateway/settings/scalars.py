"""Types for single values of the configuration, and their parsers.

Plain scalars arrive as the text in the file, so only these types decide what `no`, `010` or `1:30`
mean; values of Python types are accepted as they are.  A parser raises `wrong(...)`, whose message
is shown to the user unchanged.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

EMPTY = "is empty: set a value or omit it"

# RFC 9110, section 5.6.2.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_UNITS_BYTES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SHOWN = 60  # Characters of a value shown in a message.
_LONGEST_NUMBER = 12  # Characters; no sensible duration is longer.
_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"false", "no", "off"})


class Section(BaseModel):
    """A mapping in the configuration; unknown keys are refused, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def join_host_port(host: str, port: int | None) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or connect.

    Attributes:
        host: Name or literal address without brackets; ``""`` for the kinds below.
        port: 1 to 65535; 0 for the kinds below.
        path: Path of the Unix socket; ``""`` for TCP.
        mode: Permissions of the Unix socket to listen on; None to leave them to the umask.
        fd: Name of a socket that systemd opened; ``""`` for the others.
    """

    host: str
    port: int
    path: str = ""
    mode: int | None = None
    fd: str = ""

    def __str__(self) -> str:
        """The address, for messages and for clients."""
        if self.fd:
            return f"fd:{self.fd}"
        return f"unix:{self.path}" if self.path else join_host_port(self.host, self.port)


def wrong(message: str) -> PydanticCustomError:
    """An error whose message is shown to the user unchanged; never put a secret in it."""
    return PydanticCustomError("wrong", "{message}", {"message": message})


def quote(text: str) -> str:
    """`text` in double quotes on one line, truncated after 60 characters."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    quoted = json.dumps(shown, ensure_ascii=False)
    return printable(quoted)


def printable(text: str) -> str:
    """`text` on one line, with unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def listed(values: Iterable[str]) -> str:
    """The allowed values, for the end of a message."""
    return ", ".join(values)


def as_text(value: object, what: str) -> str:
    """`value` if it is text; otherwise an error that says `what` was expected."""
    if isinstance(value, str):
        return value
    if value is None:
        raise wrong(EMPTY)
    raise wrong(f"must be {what}, not {kind_of(value)}")


def format_duration(seconds: float) -> str:
    """`seconds` in the shortest form."""
    for unit in ("d", "h", "m", "s"):
        if seconds >= _UNITS_S[unit] and seconds % _UNITS_S[unit] == 0:
            return f"{seconds / _UNITS_S[unit]:g}{unit}"
    return "0s" if seconds == 0 else f"{seconds * 1000:g}ms"


def kind_of(value: object) -> str:
    """The type of a value, for messages."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return "empty" if value is None else "text"


def parse_duration(value: object) -> float:
    """Seconds from `500ms`, `30s`, `15m`, `8h`, `7d` or a bare `0`; numbers are seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    text = as_text(value, "a duration")
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    if text == "0":
        return 0.0
    if found is None or len(text) > _LONGEST_NUMBER:
        raise wrong(f"{quote(text)} is not a duration (write 500ms, 30s, 15m, 8h or 7d)")
    return float(found[1]) * _UNITS_S[found[2]]


def parse_size(value: object) -> int:
    """Bytes from `512`, `16KiB`, `1MiB`, `2GiB`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = as_text(value, "a size")
    found = re.fullmatch(r"(0|[1-9][0-9]{0,11})(B|KiB|MiB|GiB)?", text)
    if found is None:
        raise wrong(f"{quote(text)} is not a size (write 512, 16KiB or 1MiB)")
    return int(found[1]) * _UNITS_BYTES[found[2] or ""]


def parse_count(value: object) -> int:
    """A whole number without a leading zero, which YAML 1.1 would read as octal."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = as_text(value, "a whole number")
    if re.fullmatch(r"0|[1-9][0-9]{0,11}", text) is None:
        raise wrong(f"{quote(text)} is not a whole number")
    return int(text)


def parse_flag(value: object) -> bool:
    """True or false, in YAML's spellings."""
    if isinstance(value, bool):
        return value
    text = as_text(value, "true or false")
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise wrong(f"{quote(text)} must be true or false")


def parse_field_name(value: object) -> str:
    """The name of a header field (RFC 9110, section 5.1)."""
    text = as_text(value, "a field name")
    if TOKEN.fullmatch(text) is None:
        raise wrong(f"{quote(text)} is not a field name (letters, digits and hyphens)")
    return text


def parse_method(value: object) -> str:
    """An HTTP method in upper case; CONNECT is never served."""
    text = as_text(value, "a method").upper()
    if TOKEN.fullmatch(text) is None or text == "CONNECT":
        raise wrong(f"{quote(text)} is not a method that a route can match")
    return text


def _words(text: str) -> str:
    if not text.strip():
        raise wrong(EMPTY)
    if not text.isprintable():
        raise wrong(f"{quote(text)} must not contain control characters")
    return text


def _secret_words(text: str) -> str:
    """`_words` with an error that never repeats the text."""
    if not text.strip():
        raise wrong(EMPTY)
    if not text.isprintable():
        raise wrong("must be one line of text without control characters")
    return text


def _file_name(value: object) -> object:
    if isinstance(value, Path):
        return value
    text = as_text(value, "the name of a file")
    if not text or "\0" in text:
        raise wrong(EMPTY if not text else "is not a file name")
    return Path(text)


def unknown_message(
    what: str, text: str, known: Iterable[str], free: Sequence[str] | None = None
) -> str:
    """`unknown condition "grup" (did you mean "group"?)`.

    If no known name is similar, it lists those in `free`, by default all of `known`.
    """
    import difflib  # Only a wrong file pays for it.

    names = list(known)
    near = difflib.get_close_matches(text.lower(), names, n=1, cutoff=0.6)
    if near:
        return f"unknown {what} {quote(text)} (did you mean {quote(near[0])}?)"
    offered = names if free is None else free
    if not offered:
        return f"unknown {what} {quote(text)}"
    return f"unknown {what} {quote(text)} (one of: {listed(offered)})"


class OneOrMany:
    """Marks a tuple that may be written as a single value or a list.

    Attributes:
        empty: Whether an empty list is allowed.
    """

    def __init__(self, *, empty: bool = False) -> None:
        self.empty = empty

    def _wrap(self, value: object) -> object:
        if value is None or (value in ([], ()) and not self.empty):
            raise wrong(EMPTY)
        return value if isinstance(value, list | tuple) else (value,)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._wrap, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        many = handler(schema)
        if not self.empty:
            many["minItems"] = 1
        return {"anyOf": [many["items"], many]}


# Editors read `client_id: 4711` as a number, but the gateway reads it as text.
_TEXT_SCHEMA = {"type": ["string", "number", "boolean"]}

Text = Annotated[str, AfterValidator(_words), WithJsonSchema(_TEXT_SCHEMA)]
SecretText = Annotated[str, AfterValidator(_secret_words)]
FileName = Annotated[
    Path, BeforeValidator(_file_name), WithJsonSchema({"type": "string", "minLength": 1})
]
Duration = Annotated[
    float,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration, when_used="json"),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$"},
                {"const": 0},
            ]
        }
    ),
]
Size = Annotated[
    int,
    PlainValidator(parse_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)?$"},
            ]
        }
    ),
]
Count = Annotated[
    int, PlainValidator(parse_count), WithJsonSchema({"type": "integer", "minimum": 0})
]
Flag = Annotated[bool, PlainValidator(parse_flag), WithJsonSchema({"type": "boolean"})]
FieldName = Annotated[str, PlainValidator(parse_field_name), WithJsonSchema({"type": "string"})]
Method = Annotated[str, PlainValidator(parse_method), WithJsonSchema({"type": "string"})]
