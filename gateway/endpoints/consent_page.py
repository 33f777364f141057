"""The page that asks whether a client may act for a person."""

import re
from typing import Any
from urllib.parse import urlsplit

from gateway import responses
from gateway.authserver.client import Client, is_on_own_machine, shown_redirect
from gateway.authserver.resources import Resource, urls_of
from gateway.message.public_url import OWN_PREFIX, own_path
from gateway.message.request import Request
from gateway.message.response import Response
from gateway.model import Identity
from gateway.wording import phrase

_SOURCE_HOST = re.compile(r"[A-Za-z0-9.-]+")
# In words; a scope of an app speaks for itself.
_MEANINGS = {
    "openid": phrase("It may know that it is you."),
    "profile": phrase("It may see your name."),
    "email": phrase("It may see your e-mail address."),
    "groups": phrase("It may see your groups."),
    "offline_access": phrase("It may act for you while you are away."),
}


def consent_page(
    request: Request,
    client: Client,
    redirect_uri: str,
    identity: Identity,
    scopes: frozenset[str],
    resources: tuple[Resource, ...],
    *,
    action: str,
    question: str,
    until: float,
) -> Response:
    """The page; its form sends `question` back to `action` with the answer.

    `until` is when the client must ask again, in seconds since the epoch.
    """
    values = consent_values(
        request,
        client,
        identity,
        scopes,
        resources,
        action=action,
        question=question,
        until=until,
    )
    return responses.page_leading_to(
        form_action(redirect_uri),
        request,
        200,
        "consent",
        **values,
        redirect_to=shown_redirect(redirect_uri),
        is_local=is_on_own_machine(redirect_uri),
    )


def consent_values(
    request: Request,
    client: Client,
    identity: Identity,
    scopes: frozenset[str],
    resources: tuple[Resource, ...],
    *,
    action: str,
    question: str,
    until: float,
) -> dict[str, Any]:
    """What every page shows that asks for consent; see `consent_page`."""
    return {
        "client": client.name,
        "client_host": client.host,
        "is_registered_by_itself": client.origin == "registered",
        "asks_every_time": client.is_asked_every_time,
        "who": identity.name or identity.user,
        "user": identity.user,
        **scopes_in_words(scopes),
        "resources": urls_of(resources),
        "until": until,
        "action": action,
        "question": question,
        "logout_url": own_path(request, f"{OWN_PREFIX}/logout"),
    }


def scopes_in_words(scopes: frozenset[str]) -> dict[str, list[str]]:
    """What `scopes` allow, in words, and those that have none of ours."""
    return {
        "meanings": [meaning for it, meaning in _MEANINGS.items() if it in scopes],
        "scopes": sorted(scopes - _MEANINGS.keys()),
    }


def form_action(redirect_uri: str) -> str:
    """The source of Content Security Policy that the redirect after the form needs.

    Chromium applies form-action to redirects too (w3c/webappsec-csp issue 8).
    """
    parts = urlsplit(redirect_uri)
    host = parts.hostname or ""
    # An address of IPv6 is no source (CSP 3, section 2.3.1), nor is anything but a host name.
    if parts.scheme not in ("http", "https") or _SOURCE_HOST.fullmatch(host) is None:
        return f"{parts.scheme}:"
    port = "" if parts.port is None else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
