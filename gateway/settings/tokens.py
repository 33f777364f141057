"""Tokens: the apps that exchange an external identity for the gateway's own tokens."""

import re
from collections.abc import Mapping
from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.scalars import Duration, OneOrMany, Section, Text, quote, wrong

# RFC 8252, section 7.3: literal addresses, because a name could resolve to another machine.
_LOOPBACKS = frozenset({"127.0.0.1", "::1"})
# Schemes that browsers handle themselves, so they never lead to an app.
_NO_APPS = frozenset(
    {"about", "blob", "data", "file", "ftp", "javascript", "vbscript", "ws", "wss"}
)
# RFC 3986, section 3.1.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def is_loopback_redirect(parts: SplitResult) -> bool:
    """Whether the URL is that of an app listening on its own machine (RFC 8252, section 7.3)."""
    return parts.scheme == "http" and parts.hostname in _LOOPBACKS


def _redirect_uri(text: str) -> str:
    """An exact redirect URI, as RFC 9700, section 2.1, requires."""
    if "*" in text:
        raise wrong(f"{quote(text)} has a wildcard: write each redirect URI exactly")
    if re.fullmatch(r"[!-~]+", text) is None or "\\" in text:
        raise wrong(f"{quote(text)} must be ASCII without spaces and backslashes")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise wrong(f"{quote(text)} is not a URI") from None
    if "#" in text:
        # RFC 6749, section 3.1.2.
        raise wrong(f"{quote(text)} must not have a fragment")
    if not text.startswith(f"{parts.scheme}:") or _SCHEME.fullmatch(parts.scheme) is None:
        raise wrong(f"{quote(text)} must begin with a scheme in lower case")
    if parts.scheme in _NO_APPS:
        raise wrong(f"{quote(text)}: no app can claim the scheme {parts.scheme}")
    if parts.scheme in ("http", "https") and (not parts.hostname or "@" in parts.netloc):
        raise wrong(f"{quote(text)} needs a host without a user name")
    if parts.scheme == "http" and not is_loopback_redirect(parts):
        raise wrong(
            f"{quote(text)} is not https: only http://127.0.0.1/… and http://[::1]/… may be http"
        )
    return text


RedirectUri = Annotated[Text, AfterValidator(_redirect_uri)]


class ClientSettings(Section):
    """One app whose users get the gateway's tokens.

    Attributes:
        client_id: Its client id at the provider; None if that is its name here.
        audiences: Empty for only the client id.
    """

    provider: Text = Field(description="The provider where the app's users sign in.")
    client_id: Text | None = Field(
        None, description="The app's client id at the provider; default: its name here."
    )
    audiences: Annotated[tuple[Text, ...], OneOrMany()] = Field(
        (), description="Accepted audiences (`aud`) of an exchanged token; default: client_id."
    )
    redirect_uris: Annotated[tuple[RedirectUri, ...], OneOrMany(empty=True)] = Field(
        (),
        description="Where the provider sends the app's code, each exactly; a loopback address may"
        " have any port. Without one, no code is accepted.",
    )


def _client_name(text: str) -> str:
    # RFC 6749, appendix A.1.
    if re.fullmatch(r"[!-~]{1,200}", text) is None:
        raise wrong(f"{quote(text)} is not a client name (ASCII, no spaces)")
    return text


class TokenSettings(Section):
    """The gateway's own tokens, for apps that are not browsers; times are seconds."""

    access_ttl: Duration = Field(15 * 60.0, description="Lifetime of an access token.")
    refresh_ttl: Duration = Field(
        30 * 86400.0, description="Lifetime of a refresh token; restarts at each use."
    )
    absolute_ttl: Duration = Field(
        90 * 86400.0, description="Maximum time since the app's sign-in."
    )
    clients: Mapping[Annotated[str, AfterValidator(_client_name)], ClientSettings] = Field(
        description="Apps that get tokens, by name."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not 0 < self.access_ttl <= self.refresh_ttl <= self.absolute_ttl:
            raise wrong("needs 0 < access_ttl <= refresh_ttl <= absolute_ttl")
        if not self.clients:
            raise wrong("clients needs at least one entry")
        owners: dict[str, str] = {}
        for name, client in self.clients.items():
            # Apps may use either name, so neither may belong to another app.
            for known in {name, client.client_id or name}:
                if owners.setdefault(known, name) != name:
                    raise wrong(f"clients {owners[known]} and {name} are both known as {known}")
        return self
