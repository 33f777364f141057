"""API keys: their field, the limits for owners, and keys in the file."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.headers import fold_name
from gateway.settings.routes import Day
from gateway.settings.scalars import Duration, FieldName, OneOrMany, Section, Text, quote, wrong

# Fields with another meaning to the gateway or to HTTP.
_TAKEN = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "origin",
        "accept",
        "user-agent",
    }
)


def _header(name: str) -> str:
    if fold_name(name) in _TAKEN:
        raise wrong(f"{quote(name)} has another meaning: use a separate field for keys")
    return name


def _scope(text: str) -> str:
    # RFC 6749, section 3.3.
    if re.fullmatch(r"[!#-\[\]-~]{1,200}", text) is None:
        raise wrong(f"{quote(text)} is not a scope (no spaces, quotes and backslashes)")
    return text


def _digest(text: str) -> str:
    if re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise wrong("must be a SHA-256 in hex, 64 digits (gatepost keys create --static)")
    return text


ScopeText = Annotated[Text, AfterValidator(_scope)]
Scopes = Annotated[tuple[ScopeText, ...], OneOrMany(empty=True)]


class StaticKeySettings(Section):
    """A key in the file, by digest.  It needs no store, and is removed with its entry.

    Attributes:
        expires: The key is refused from the first second of this day (UTC).
    """

    name: Text = Field(description="Purpose of the key; unique.")
    sha256: Annotated[Text, AfterValidator(_digest)] = Field(
        description="SHA-256 of the whole key, in hex."
    )
    user: Text = Field(description="User name, as sent to the app.")
    scopes: Scopes = Field((), description="Scopes of the key, for routes that require one.")
    expires: Day | None = Field(None, description="Refused from this day on (UTC).")

    @property
    def expires_at(self) -> int | None:
        """When it expires, in seconds since the epoch."""
        return None if self.expires is None else midnight(self.expires)


class ApiKeySettings(Section):
    """API keys; times are seconds."""

    header: Annotated[FieldName, AfterValidator(_header)] = Field(
        "X-API-Key", description="Field for a key, besides Authorization."
    )
    max_lifetime: Duration = Field(365 * 86400.0, description="Maximum lifetime of a key.")
    grantable_scopes: Scopes = Field((), description="Scopes that users can give their keys.")
    fresh_sign_in: Duration = Field(
        15 * 60.0, description="Maximum time since sign-in for creating a key; 0 is no limit."
    )
    static: tuple[StaticKeySettings, ...] = Field((), description="Keys in this file, by digest.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_lifetime < 1:
            raise wrong("max_lifetime must be at least 1s")
        for what in ("name", "sha256"):
            given = [getattr(it, what) for it in self.static]
            if len(set(given)) < len(given):
                raise wrong(f"two static keys have the same {what}")
        return self


def midnight(day: date) -> int:
    """The first second of `day` in UTC, since the epoch."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
