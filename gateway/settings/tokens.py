"""Tokens: the clients that get the gateway's own tokens, and how."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.access import AccessRules
from gateway.settings.scalars import (
    Duration,
    FileName,
    Flag,
    OneOrMany,
    SecretText,
    Section,
    Text,
    quote,
    wrong,
)

# RFC 8252, section 7.3, names literal addresses; many command lines use the name all the same.
_LOOPBACKS = frozenset({"127.0.0.1", "::1", "localhost"})
# The client of `gatepost login`.
COMMAND_LINE = "gatepost-cli"
# Schemes that browsers handle themselves, so they never lead to an app.
_NO_APPS = frozenset(
    {
        *("about", "blob", "data", "file", "filesystem", "ftp", "intent", "javascript", "mailto"),
        *("sms", "tel", "vbscript", "view-source", "ws", "wss"),
    }
)
_SHORTEST_SECRET = 16
# RFC 3986, section 3.1.
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def is_loopback_redirect(parts: SplitResult) -> bool:
    """Whether the URL is that of an app listening on its own machine (RFC 8252, section 7.3)."""
    return parts.scheme == "http" and parts.hostname in _LOOPBACKS


def check_redirect_uri(text: str) -> str:
    """`text`, if it is an exact redirect URI, as RFC 9700, section 2.1, requires.

    Raises:
        ValueError: It is not; the message quotes it.
    """
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
            f"{quote(text)} is not https: only http://127.0.0.1/…, http://[::1]/… and"
            " http://localhost/… may be http"
        )
    return text


RedirectUri = Annotated[Text, AfterValidator(check_redirect_uri)]


def _logout_uri(text: str) -> str:
    """OpenID Connect Back-Channel Logout 1.0, section 2.2: absolute, without a fragment."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise wrong(f"{quote(text)} is not a URL") from None
    is_web = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if not is_web or "#" in text or re.fullmatch(r"[!-~]+", text) is None:
        raise wrong(f"{quote(text)} must be a URL with http or https, and without a fragment")
    return text


def _scope(text: str) -> str:
    # RFC 6749, section 3.3.
    if re.fullmatch(r"[!#-\[\]-~]{1,200}", text) is None:
        raise wrong(f"{quote(text)} is not a scope (ASCII, no spaces, quotes or backslashes)")
    return text


ScopeText = Annotated[Text, AfterValidator(_scope)]


def _client_secret(text: str) -> str:
    if len(text.encode()) < _SHORTEST_SECRET:
        raise wrong("must be at least 16 bytes long (try: openssl rand -base64 32)")
    return text


# Of clients whose users sign in here.
_OF_CLIENTS = (
    "client_secret",
    "client_key",
    "scopes",
    "name",
    "access",
    "id_token",
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
)


class ClientSettings(Section):
    """One app whose users get the gateway's tokens.

    With `provider`, the app signs its users in at that provider and exchanges what it gets there.
    Without, it signs them in at the gateway's own ``authorize``.

    Attributes:
        client_id: Its client id at the provider; None if that is its name here.
        audiences: Empty for only the client id.
        client_secret: The secret itself, even if it comes from `client_secret_file`.
    """

    provider: Text | None = Field(
        None,
        description="The provider where the app signs its users in; without it, the app sends them"
        " to the gateway's own `authorize`.",
    )
    name: Text | None = Field(
        None, description="What the consent page calls the app; default: its name here."
    )
    client_id: Text | None = Field(
        None, description="With provider: the app's client id there; default: its name here."
    )
    audiences: Annotated[tuple[Text, ...], OneOrMany()] = Field(
        (),
        description="With provider: accepted audiences (`aud`) of an exchanged token; default:"
        " client_id.",
    )
    redirect_uris: Annotated[tuple[RedirectUri, ...], OneOrMany(empty=True)] = Field(
        (),
        description="Where the app takes its code, each exactly; a loopback address may have any"
        " port. Without one, no code is issued or accepted.",
    )
    client_secret: Annotated[SecretText, AfterValidator(_client_secret)] | None = Field(
        None,
        repr=False,
        description="The app's secret, at least 16 bytes; prefer client_secret_file.",
    )
    client_secret_file: FileName | None = Field(
        None, description="File with the app's secret; without it, the app has none."
    )
    client_key: str | None = Field(
        None, repr=False, description="The app's public keys; see client_key_file."
    )
    client_key_file: FileName | None = Field(
        None,
        description="File with the app's public keys (PEM, JWK or JWK Set); the app then proves"
        " itself with private_key_jwt.",
    )
    scopes: Annotated[tuple[ScopeText, ...], OneOrMany(empty=True)] = Field(
        (),
        description="Scopes that the app may ask for; default: openid, profile, email,"
        " offline_access, and those that rules name.",
    )
    access: AccessRules | None = Field(
        None, description="Who may sign in to the app: allow and deny, as on a route."
    )
    id_token: Literal["ES256", "RS256"] = Field(
        "ES256", description="How ID tokens and logout tokens for the app are signed."
    )
    post_logout_redirect_uris: Annotated[tuple[RedirectUri, ...], OneOrMany(empty=True)] = Field(
        (), description="Where the app may send people after a sign-out, each exactly."
    )
    backchannel_logout_uri: Annotated[Text, AfterValidator(_logout_uri)] | None = Field(
        None, description="Where the app is told of sign-outs (OIDC Back-Channel Logout)."
    )
    device: Flag = Field(
        False,
        description="Whether users may sign in for it on another device, with a code that they"
        " type (RFC 8628): for what has no browser.",
    )

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        if self.provider is None:
            self._refuse("provider", ("client_id", "audiences"))
            if not self.redirect_uris and not self.device:
                raise wrong("needs redirect_uris, device: true, or a provider")
            if self.client_secret and self.client_key:
                raise wrong("has a secret and a key: give one of them")
        else:
            self._refuse("no provider", (*_OF_CLIENTS, "device"))
        return self

    def _refuse(self, needed: str, names: tuple[str, ...]) -> None:
        given = [name for name in names if name in self.model_fields_set and getattr(self, name)]
        if given:
            raise wrong(f"{given[0]} is for clients with {needed}")


# Of the clients that people use with MCP servers.
USUAL_DOCUMENT_HOSTS = (
    *("claude.ai", "claude.com", "chatgpt.com", "openai.com", "vscode.dev", "cursor.com"),
)


def _document_host(text: str) -> str:
    if text != "*" and re.fullmatch(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*", text) is None:
        raise wrong(f"{quote(text)} is not a host: write claude.ai, *.example.com or *")
    return text


DocumentHost = Annotated[Text, AfterValidator(_document_host)]


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
        {}, description="Apps that get tokens, by name."
    )
    command_line: Flag | None = Field(
        None,
        description="Whether users can sign in with `gatepost login`; default: if the gateway"
        " signs users in for other clients too.",
    )
    consent: Literal["ask", "skip"] = Field(
        "ask",
        description="ask: users are asked once whether an app may act for them; skip: not for the"
        " apps of this file.",
    )

    metadata_documents: Annotated[tuple[DocumentHost, ...], OneOrMany(empty=True)] | None = Field(
        None,
        description="Hosts of client ID metadata documents: a client with one signs people in by"
        " its URL. `*.example.com` stands for the hosts below, `*` for any. Default: claude.ai,"
        " claude.com, chatgpt.com, openai.com, vscode.dev and cursor.com if a route has `mcp`, else"
        " none.",
    )
    insecure_metadata_addresses: Flag = Field(
        False,
        description="For tests: also fetches documents from private addresses and from any port.",
    )
    registration: Literal["closed", "open"] = Field(
        "closed", description="open: any client may register itself (RFC 7591)."
    )

    @property
    def document_hosts(self) -> tuple[str, ...]:
        """Hosts of client ID metadata documents; see `metadata_documents`."""
        return self.metadata_documents or ()

    @property
    def signs_in_for_clients(self) -> bool:
        """Whether there may be clients that sign people in here."""
        of_file = any(it.provider is None for it in self.clients.values())
        others = bool(self.document_hosts) or self.registration == "open"
        return of_file or others or bool(self.command_line)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if not 0 < self.access_ttl <= self.refresh_ttl <= self.absolute_ttl:
            raise wrong("needs 0 < access_ttl <= refresh_ttl <= absolute_ttl")
        owners: dict[str, str] = {}
        for name, client in self.clients.items():
            # Apps may use either name, so neither may belong to another app.
            for known in {name, client.client_id or name}:
                if known == COMMAND_LINE:
                    raise wrong(f"{COMMAND_LINE} is built in: give your client another name")
                if owners.setdefault(known, name) != name:
                    raise wrong(f"clients {owners[known]} and {name} are both known as {known}")
        return self
