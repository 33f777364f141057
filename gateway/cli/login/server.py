"""Finds the gateway's authorization server by its metadata (RFC 9728, RFC 8414)."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.cli.login.address import origin_of
from gateway.cli.login.asking import Answer, ask
from gateway.cli.login.failure import CommandError
from gateway.message.public_url import OWN_PREFIX

_OK = 200


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask.

    Attributes:
        device_endpoint: ``""`` if nobody can sign in on another device.
    """

    issuer: str
    authorize_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    device_endpoint: str


def find_server(url: str, resource: str | None) -> Server:
    """The server of the gateway at `url`.

    Raises:
        CommandError: There is none, or it signs nobody in for command lines.
    """
    for issuer in dict.fromkeys(_issuers(url, resource)):
        parts = urlsplit(issuer)
        where = f"{origin_of(issuer)}/.well-known/oauth-authorization-server{parts.path}"
        answer = ask(where)
        # RFC 8414, section 3.3.
        if answer.status == _OK and answer.text("issuer") == issuer:
            return _read(answer, url, issuer)
    raise CommandError(f"no gateway at {url} gives tokens; is the URL right?")


def _issuers(url: str, resource: str | None) -> Iterator[str]:
    """Issuers that may be the gateway's, likeliest first: only itself, on its own origin."""
    origin, asked = origin_of(url), resource or url
    answer = ask(f"{origin}/.well-known/oauth-protected-resource{urlsplit(asked).path}")
    servers = answer.document.get("authorization_servers")
    # RFC 9728, section 3.3.
    if answer.text("resource") == asked and isinstance(servers, list):
        for issuer in servers:
            if isinstance(issuer, str) and _is_on(issuer, origin) and issuer.endswith(OWN_PREFIX):
                yield issuer
    yield url + OWN_PREFIX
    yield origin + OWN_PREFIX


def _read(answer: Answer, url: str, issuer: str) -> Server:
    endpoints = {
        name: answer.text(f"{name}_endpoint")
        for name in ("authorization", "token", "revocation", "device_authorization")
    }
    if any(it and not _is_on(it, origin_of(url)) for it in endpoints.values()):
        # An app may sign its users in at a provider; a command line may not.
        raise turned_off(url)
    if not endpoints["authorization"] or not endpoints["token"]:
        raise turned_off(url)
    return Server(
        issuer,
        endpoints["authorization"],
        endpoints["token"],
        endpoints["revocation"],
        endpoints["device_authorization"],
    )


def turned_off(url: str) -> CommandError:
    """The gateway at `url` does not know this client."""
    return CommandError(
        f"{url} signs nobody in for command lines: its operator can set tokens.command_line: true"
    )


def _is_on(url: str, origin: str) -> bool:
    """Whether `url` is one of `origin` that may be asked and shown."""
    is_plain = url.isascii() and url.isprintable() and " " not in url
    return is_plain and url.startswith(origin + "/")
