"""The setting `time`: days and hours in a time zone."""

import re
from typing import Annotated, Self

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from gateway.settings.scalars import OneOrMany, Section, as_text, quote, unknown_message, wrong

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_NUMBERS = {name: number for names in (DAYS, _LONG) for number, name in enumerate(names)}
MIDNIGHT = 24 * 60


def _day(text: str) -> int:
    found = _DAY_NUMBERS.get(text.strip().lower())
    if found is None:
        raise wrong(unknown_message("day", text.strip(), DAYS))
    return found


def parse_days(value: object) -> tuple[int, ...]:
    """Days from ``mon-fri``, ``mon`` or ``sat, sun``; Monday is 0.  A range may go over Sunday."""
    if isinstance(value, tuple):
        return value
    found: set[int] = set()
    for item in as_text(value, "days such as mon-fri").split(","):
        first, dash, last = item.partition("-")
        start = _day(first)
        length = (_day(last) - start) % 7 if dash else 0
        found.update((start + more) % 7 for more in range(length + 1))
    return tuple(sorted(found))


def parse_minutes(value: object) -> int:
    """Minutes since midnight from ``08:00``; ``24:00`` is the end of the day."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = as_text(value, 'a time of day such as "08:00"')
    found = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text)
    minutes = MIDNIGHT + 1 if found is None else int(found[1]) * 60 + int(found[2])
    if found is None or int(found[2]) >= 60 or minutes > MIDNIGHT:  # noqa: PLR2004 - minutes
        raise wrong(f"{quote(text)} is not a time of day from 00:00 to 24:00")
    return minutes


def parse_zone(value: object) -> str:
    """The name of a time zone, as IANA's database has it."""
    from zoneinfo import ZoneInfo  # Only who has hours pays for it.

    text = as_text(value, "a time zone such as Europe/Prague")
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise wrong(_unknown_zone(text)) from None
    return text


def _unknown_zone(text: str) -> str:
    import difflib
    from zoneinfo import available_timezones

    known = {name.lower(): name for name in available_timezones()}
    near = difflib.get_close_matches(text.lower(), sorted(known), n=3, cutoff=0.6)
    meant = " or ".join(quote(known[name]) for name in near)
    hint = f"did you mean {meant}?" if near else "write one such as Europe/Prague or UTC"
    return f"unknown time zone {quote(text)} ({hint})"


_Days = Annotated[
    tuple[int, ...],
    PlainValidator(parse_days),
    WithJsonSchema({"type": "string", "examples": ["mon-fri", "sat"]}),
]
_Minutes = Annotated[
    int,
    PlainValidator(parse_minutes),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,2}:[0-9]{2}$"}),
]
_Zone = Annotated[
    str,
    PlainValidator(parse_zone),
    WithJsonSchema({"type": "string", "examples": ["Europe/Prague", "UTC"]}),
]


class HoursSettings(Section):
    """Days and hours; they include `start` and not `end`.

    Attributes:
        days: Each a tuple of days, Monday is 0; all days if empty.
        start: Minutes since midnight.
        end: Minutes since midnight; before `start`, it is of the next day.
    """

    days: Annotated[tuple[_Days, ...], OneOrMany()] = Field(
        (), description="mon-fri, sat, or a list; default: every day."
    )
    start: _Minutes = Field(
        0, alias="from", description='First minute, such as "08:00"; default: 00:00.'
    )
    end: _Minutes = Field(
        MIDNIGHT,
        alias="to",
        description="The minute that is out again; before `from`, it is of the next day.",
    )
    zone: _Zone = Field(description="Time zone of days and hours, such as Europe/Prague.")

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.start % MIDNIGHT == self.end % MIDNIGHT and self.end - self.start != MIDNIGHT:
            raise wrong("from and to are the same: leave both out for the whole day")
        return self

    def __str__(self) -> str:
        days = ",".join(DAYS[day] for day in self.numbers)
        return f"{days} {_shown(self.start)}-{_shown(self.end)} {self.zone}"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The days on which it begins; Monday is 0."""
        return tuple(sorted({day for days in self.days for day in days})) or tuple(range(7))


def _shown(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
