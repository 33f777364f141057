"""The kinds of provider that oauth2-proxy knows, and their issuers: data, and what reads it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.importing.emit import Noted, Value, literal
from gateway.importing.given import Given
from gateway.importing.given_endpoints import endpoints
from gateway.importing.provider_quirks import (
    ENTRA,
    MANY_TENANTS,
    is_for_many,
    quirks,
    tenants_allowed,
    trust,
)
from gateway.settings.addresses import parse_web_url
from gateway.settings.scalars import quote

# Reserved (RFC 2606), so that a file that was not completed reaches nobody.
PLACEHOLDER_ISSUER = "https://change-me.invalid"
_PLAIN_OAUTH = (
    "speaks OAuth 2.0 only, and there is no profile for it: write type: oauth2 and its endpoints"
)


@dataclass(frozen=True, slots=True)
class _ProviderKind:
    """One value of the option `provider`.

    Attributes:
        profile: Gatepost's; ``""`` for the default.
        issuer: If the file gives none; ``""`` if it must.
        oauth2: The profile is of plain OAuth 2.0.
        why_not: Why Gatepost cannot sign in there; ``""`` if it can.
    """

    profile: str = ""
    issuer: str = ""
    oauth2: bool = False
    why_not: str = ""


_OAUTH_ONLY = _ProviderKind(why_not=_PLAIN_OAUTH)
PROVIDERS: Mapping[str, _ProviderKind] = {
    "oidc": _ProviderKind(),
    "keycloak-oidc": _ProviderKind("keycloak"),
    "keycloak": _ProviderKind("keycloak"),
    "google": _ProviderKind("google", "https://accounts.google.com"),
    "gitlab": _ProviderKind("gitlab", "https://gitlab.com"),
    "azure": _ProviderKind("entra"),
    "entra-id": _ProviderKind("entra"),
    "adfs": _ProviderKind(),
    "linkedin": _ProviderKind("linkedin", "https://www.linkedin.com/oauth"),
    "apple": _ProviderKind("apple", "https://appleid.apple.com"),
    "login.gov": _ProviderKind(issuer="https://secure.login.gov/"),
    "cidaas": _ProviderKind(),
    "proconnect": _ProviderKind(),
    "arcgis": _OAUTH_ONLY,
    "bitbucket": _ProviderKind("bitbucket", oauth2=True),
    "digitalocean": _OAUTH_ONLY,
    "discord": _ProviderKind("discord", oauth2=True),
    "facebook": _OAUTH_ONLY,
    "gitea": _ProviderKind("gitea", oauth2=True),
    "github": _ProviderKind("github", oauth2=True),
    "nextcloud": _OAUTH_ONLY,
    "sourcehut": _OAUTH_ONLY,
    "srht": _OAUTH_ONLY,
}
_FROM_LOGIN = "from login_url"
_REALM = re.compile(r"(https?://[^?#]*/realms/[^/?#]+)/protocol/.*")
_GITEA = re.compile(r"(https?://[^?#]+)/login/oauth/authorize")
_ADFS = re.compile(r"(https?://[^/?#]+/adfs)/.*")


@dataclass(frozen=True, slots=True)
class Translated:
    """A provider of the new file.

    Attributes:
        issuer: The placeholder if it issues no tokens that could be verified.
    """

    name: str
    settings: dict[str, Value]
    issuer: str
    client_id: str


def translate_provider(given: Given, name: str, where: str, *, is_alone: bool = True) -> Translated:
    """The provider that the options describe; `where` is the place of what is not given.

    Unless it `is_alone`, its secret is expected in a variable with its name.
    """
    kind_name = given.text("provider", "google").lower()
    kind = PROVIDERS.get(kind_name)
    name = re.sub(r"[^a-z0-9]+", "-", (name or kind_name).lower()).strip("-") or "provider"
    if kind is None:
        given.say("unknown", "provider", f"unknown provider {quote(kind_name)}: taken for oidc")
        kind = _ProviderKind()
    settings: dict[str, Value] = {}
    plain = _plain_oauth2(given, kind_name, kind, where) if kind.oauth2 else None
    issuer = _issuer(given, kind_name, kind, where) if plain is None else PLACEHOLDER_ISSUER
    settings |= {"issuer": issuer} if plain is None else plain
    if kind.profile and plain is None:
        settings["profile"] = kind.profile
    client_id = given.text("client_id")
    if not client_id:
        given.report.add("to do", where, "client_id", "is not in this file: write it")
    settings["client_id"] = literal(client_id) or Noted("change-me", "not in the imported file")
    variable = "OIDC" if is_alone else name.upper().replace("-", "_")
    _secret(given, settings, where, f"{variable}_CLIENT_SECRET")
    if plain is None:
        derived = isinstance(issuer, Noted) and issuer.note == _FROM_LOGIN
        endpoints(given, settings, kind_name, derived=derived)
        _claims(given, settings)
        _parameters(given, settings)
        quirks(given, settings)
        tenants = tenants_allowed(given)
        if tenants and is_for_many(given):
            settings["tenants"] = [literal(it) for it in tenants]
    trust(given, settings)
    label = given.text("provider_display_name")
    if label:
        settings["label"] = literal(f"Sign in with {label}")
    bare = issuer.value if isinstance(issuer, Noted) else issuer
    return Translated(name, settings, str(bare), client_id or "change-me")


def _plain_oauth2(
    given: Given, kind_name: str, kind: _ProviderKind, where: str
) -> dict[str, Value]:
    """A provider by its profile, which has endpoints, scopes and claims."""
    settings: dict[str, Value] = {"type": "oauth2", "profile": kind.profile}
    login, api = given.text("login_url"), given.text("validate_url")
    # Gitea was also reached as `github` with other addresses.
    gitea = _GITEA.fullmatch(login) if kind_name == "gitea" or "/api/v1" in api else None
    if gitea is not None:
        settings |= {"profile": "gitea", "issuer": literal(gitea[1])}
        given.say("differs", "login_url", f"only the issuer was taken from it: {gitea[1]}")
    elif kind_name == "gitea" or (login and urlsplit(login).hostname != "github.com"):
        # Never the profile of the public service: its groups of the same names are other people's.
        message = "a server of your own: write its issuer, and for GitHub Enterprise its endpoints"
        given.report.add("to do", where, "login_url", message)
        settings |= {"profile": "gitea", "issuer": Noted(PLACEHOLDER_ISSUER, "CHANGE: your server")}
    if given.get("scope") is not None:
        given.say("differs", "scope", "not taken: the profile asks for what it needs")
    return settings


def _issuer(given: Given, kind_name: str, kind: _ProviderKind, where: str) -> str | Noted:
    told = given.text("oidc_issuer_url")
    if kind.why_not:
        option = "provider" if given.get("provider") else ""
        if option:
            given.say("no equal", "provider", f"{quote(kind_name)} {kind.why_not}")
        return Noted(PLACEHOLDER_ISSUER, f"CHANGE: {kind_name} speaks no OpenID Connect")
    if is_for_many(given) and tenants_allowed(given):
        # The place is Gatepost's own, and no variable of the old file.
        return Noted(f"{ENTRA}/{{tenantid}}/v2.0", "for the tenants below")
    found, note = told, ""
    if not told:
        found, note = _derived(given, kind_name) or (kind.issuer, "")
    if not found:
        given.report.add("to do", where, "oidc_issuer_url", "is not in this file: write the issuer")
        return Noted(PLACEHOLDER_ISSUER, "CHANGE: the imported file names no issuer")
    try:
        parse_web_url(found)
    except ValueError:
        given.say("to do", "oidc_issuer_url", "is not a URL: write the issuer")
        return Noted(PLACEHOLDER_ISSUER, "CHANGE: the imported file names no valid issuer")
    if urlsplit(found).query:
        given.say("to do", "oidc_issuer_url", "an issuer has no query: write it without")
        return Noted(PLACEHOLDER_ISSUER, "CHANGE: the imported file names no valid issuer")
    return Noted(literal(found), note) if note else literal(found)


def _derived(given: Given, kind_name: str) -> tuple[str, str] | None:
    """An issuer that follows from other options, and from which."""
    login = given.text("login_url")
    if kind_name == "azure":
        tenant = given.text("azure_tenant", "common")
        if tenant.lower() in MANY_TENANTS or not re.fullmatch(r"[A-Za-z0-9.-]+", tenant):
            message = "write its id, or in issuer {tenantid}, and in tenants who may come in"
            given.say("to do", "azure_tenant", message)
            return None
        given.say("differs", "azure_tenant", "the issuer is that of the v2.0 endpoint")
        return f"{ENTRA}/{tenant}/v2.0", "azure_tenant"
    for pattern in (_REALM, _ADFS):
        found = pattern.fullmatch(login)
        if found is not None:
            given.say("differs", "login_url", f"only the issuer was taken from it: {found[1]}")
            return found[1], _FROM_LOGIN
    return None


def _secret(given: Given, settings: dict[str, Value], where: str, variable: str) -> None:
    if given.is_on("entra_id_federated_token_auth"):
        # As Microsoft's workload identity webhook mounts and names it.
        file = "${AZURE_FEDERATED_TOKEN_FILE:-/var/run/secrets/azure/tokens/azure-identity-token}"
        settings["client_assertion_file"] = Noted(file, "entra_id_federated_token_auth")
    elif given.get("client_secret_file") is not None:
        settings["client_secret_file"] = literal(given.text("client_secret_file"))
    elif given.get("jwt_key_file") is not None:
        settings["client_key_file"] = literal(given.text("jwt_key_file"))
    else:
        message = f"not copied: set {variable}, or use client_secret_file"
        if given.get("client_secret") is not None:
            given.say("to do", "client_secret", message)
        else:
            given.report.add("to do", where, "client_secret", f"is not in this file: {message}")
        settings["client_secret"] = Noted(f"${{{variable}}}", "secrets are not copied")


def _claims(given: Given, settings: dict[str, Value]) -> None:
    """The claims that oauth2-proxy reads; its user is the subject."""
    claims: dict[str, Value] = {"user": Noted("sub", "oauth2-proxy's X-Forwarded-User")}
    email = given.text("oidc_email_claim") or given.text("user_id_claim")
    if email and email != "email":
        claims["email"] = _claim(email)
    groups = given.text("oidc_groups_claim")
    if groups and groups != "groups":
        claims["groups"] = _claim(groups)
    roles = given.text("oidc_roles_claim")
    if roles and roles != "roles":
        claims["roles"] = _claim(roles)
    settings["claims"] = claims
    if given.is_on("insecure_oidc_allow_unverified_email"):
        settings["email_verified"] = Noted("assume", "insecure_oidc_allow_unverified_email")
        given.say(
            "to do",
            "insecure_oidc_allow_unverified_email",
            "anybody who can write any address at the provider passes for its owner: remove it",
        )


def _claim(name: str) -> str:
    """The name of a claim; oauth2-proxy takes dots for members of objects."""
    if "." in name and not name.startswith(("/", "http:", "https:", "urn:")):
        return literal("/" + name.replace("~", "~0").replace("/", "~1").replace(".", "/"))
    return literal(name)


def _parameters(given: Given, settings: dict[str, Value]) -> None:
    scopes = given.text("scope").split()
    if scopes:
        if "openid" not in scopes:
            given.say("differs", "scope", "openid was added: Gatepost needs an ID token")
            scopes = ["openid", *scopes]
        settings["scopes"] = [literal(it) for it in scopes]
    told = {name: given.text(name) for name in ("prompt", "acr_values", "resource")}
    parameters: dict[str, Value] = {name: literal(value) for name, value in told.items() if value}
    if parameters:
        settings["authorize_params"] = parameters
