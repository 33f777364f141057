"""How oauth2-proxy reaches a provider and what it accepts of it, as settings of a provider."""

import re
from collections.abc import Collection
from typing import get_args

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.given import Given
from gateway.settings.algorithms import Algorithm

ENTRA = "https://login.microsoftonline.com"
# Words in the place of a tenant that stand for many.
MANY_TENANTS = frozenset({"", "common", "organizations", "consumers"})
_ENTRA_KINDS = frozenset({"azure", "entra-id"})
_ENTRA_ISSUER = re.compile(re.escape(ENTRA) + r"/([^/]+)/v2\.0/?")
_MODES = ("query", "form_post")


def tenants_allowed(given: Given) -> tuple[str, ...]:
    """The tenants of Entra ID that may come in; empty if that is not for us to say."""
    if not _is_entra(given):
        return ()
    listed = given.items("entra_id_allowed_tenants")
    if not all(re.fullmatch(r"[A-Za-z0-9-]+", it) for it in listed):
        return ()
    tenant = _tenant(given)
    return tuple(listed) if is_for_many(given) else tuple(it for it in listed if it == tenant)


def is_for_many(given: Given) -> bool:
    """Whether the issuer of Entra ID is one for many tenants."""
    return _is_entra(given) and _tenant(given).lower() in MANY_TENANTS


def _is_entra(given: Given) -> bool:
    return given.text("provider").lower() in _ENTRA_KINDS


def _tenant(given: Given) -> str:
    found = _ENTRA_ISSUER.fullmatch(given.text("oidc_issuer_url"))
    return found[1] if found else given.text("azure_tenant")


def trust(given: Given, settings: dict[str, Value]) -> None:
    """The authorities that the provider's certificate is verified with."""
    files = given.items("provider_ca_files")
    if not files or not str(settings.get("issuer", "https:")).startswith("https:"):
        return
    several = len(files) > 1
    note = f"CHANGE: one file that has all {len(files)}" if several else "provider_ca_files"
    settings["tls"] = {"ca_file": Noted(literal(files[0]), note)}
    if several:
        message = f"Gatepost takes one: put them into one file: cat {' '.join(files)} > ca.pem"
        given.say("to do", "provider_ca_files", message)
    if given.is_on("use_system_trust_store"):
        message = "only the authorities in tls.ca_file are trusted: add the system's to that file"
        given.say("differs", "use_system_trust_store", message)


def quirks(given: Given, settings: dict[str, Value]) -> None:
    """What is asked of OpenID Connect, and accepted."""
    if given.is_on("insecure_oidc_skip_nonce"):
        settings["nonce"] = Noted("unless_absent", "insecure_oidc_skip_nonce")
        message = "a wrong nonce is refused all the same; remove it if the provider returns one"
        given.say("differs", "insecure_oidc_skip_nonce", message)
    mode = given.text("auth_request_response_mode")
    if mode in _MODES:
        settings["response_mode"] = mode
    elif mode:
        given.say("no equal", "auth_request_response_mode", "answers come by query or form_post")
    _algorithms(given, settings, get_args(Algorithm))


def _algorithms(given: Given, settings: dict[str, Value], known: Collection[str]) -> None:
    named = given.items("oidc_enabled_signing_algs")
    kept = [it for it in named if it in known]
    if kept:
        settings["algorithms"] = list(kept)
    if len(kept) < len(named):
        message = "others than asymmetric ones are left out; HS256 needs a secret of 32 bytes"
        given.say("differs", "oidc_enabled_signing_algs", message)
