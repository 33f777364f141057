"""The section ``sessions``: their lifetime and their cookie."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.scalars import TOKEN, Count, Duration, Flag, Section, Text, quote, wrong


def _cookie_name(text: str) -> str:
    if TOKEN.fullmatch(text) is None:
        raise wrong(f"{quote(text)} is not a cookie name")
    if re.match(r"__(host|secure)-", text, re.IGNORECASE):  # noqa: TID251 - a prefix is asked for
        raise wrong("must not begin with __Host- or __Secure-: the gateway adds the prefix")
    return text


def _cookie_domain(text: str) -> str:
    domain = text.lower().removeprefix(".")
    if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) is None:
        raise wrong(f"{quote(text)} is not a cookie domain")
    return domain


class CookieSettings(Section):
    """The session cookie.

    Attributes:
        name: Without prefix; `__Host-` is added on https without a domain.
    """

    name: Annotated[Text, AfterValidator(_cookie_name)] = Field(
        "gatepost",
        description="Name; __Host- is added on https without a domain (__Secure- below a path).",
    )
    domain: Annotated[Text, AfterValidator(_cookie_domain)] | None = Field(
        None, description="Shares the session among the hosts under this domain."
    )
    same_site: Literal["lax", "strict", "none"] = Field(
        "lax", description="SameSite; default with partitioned: none."
    )
    partitioned: Flag = Field(
        False, description="For apps in frames: separate sessions for each surrounding site."
    )

    @property
    def same_site_sent(self) -> str:
        """The SameSite to send; ``lax`` and ``strict`` cookies do not reach frames."""
        is_given = "same_site" in self.model_fields_set
        return "none" if self.partitioned and not is_given else self.same_site


class SessionSettings(Section):
    """How long a browser stays signed in, and the number of sessions; times are seconds."""

    idle_timeout: Duration = Field(
        8 * 3600.0, description="Ends a session after this time without a request."
    )
    absolute_timeout: Duration = Field(
        7 * 86400.0, description="Ends a session this long after the sign-in."
    )
    store_grace: Duration = Field(
        60.0,
        description="How long known sessions, API keys and tokens continue while the store is down;"
        " then 503. 0s: not at all.",
    )
    max_per_user: Count = Field(
        0, description="Maximum sessions of one user; a new one ends the oldest. 0 is no limit."
    )
    cookie: CookieSettings = Field(CookieSettings(), description="The session cookie.")

    @model_validator(mode="after")
    def _idle_comes_first(self) -> Self:
        if self.idle_timeout <= 0:
            raise wrong("idle_timeout must be more than 0")
        if self.idle_timeout > self.absolute_timeout:
            raise wrong("idle_timeout must not be longer than absolute_timeout")
        return self
