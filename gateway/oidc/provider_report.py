"""Checks whether the code flow works with a provider's metadata; pure.

`gateway.oidc.provider_extras` checks what a sign-in can do without.
"""

from collections.abc import Iterator, Mapping

from gateway.errors import ProviderUnavailableError
from gateway.oidc.client_auth import choose_method
from gateway.oidc.demands import JARM_MODES, MODES, unmet_demands
from gateway.oidc.discovery import NAMED_BY_REQUEST, Metadata, checked_url
from gateway.oidc.finding import Finding, names_in, quoted, shown
from gateway.oidc.keys import read_keys
from gateway.oidc.registration import Registration

Document = Mapping[str, object]

_REQUIRED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_OPTIONAL = (
    "userinfo_endpoint",
    "end_session_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
)
_ENCRYPTION = (
    "id_token_encryption_alg_values_supported",
    "userinfo_encryption_alg_values_supported",
)
_AT_THE_PROVIDER = "correct it at the provider, in the settings for its public URL"


def judge_document(document: Document, registration: Registration) -> Iterator[Finding]:
    """Findings on whether the discovery `document` allows sign-ins with `registration`."""
    yield from _issuer(document, registration)
    yield from judge_endpoints(document, registration)
    yield from _code_flow(document, registration)
    yield from _pushed(document, registration)
    yield from _demands(document)
    yield _pkce(document)
    yield _algorithms(document, registration)


def _issuer(document: Document, registration: Registration) -> Iterator[Finding]:
    configured, named = registration.issuer, document.get("issuer")
    if named != configured and named not in registration.issuer_aliases:
        yield Finding(
            "problem",
            "issuer",
            f"configured is {configured!r}, the document says {quoted(named)!r}",
            NAMED_BY_REQUEST
            if registration.addresses.is_inside(str(named))
            else f"if that is your provider, set providers.{registration.name}.issuer to exactly "
            "what the document says; a trailing slash counts",
        )
        return
    yield Finding("ok", "issuer", f"matches: {named}")
    if configured.startswith("http://"):
        yield Finding(
            "warning",
            "issuer",
            "it is plain http: anyone who can change the traffic can sign in as any user",
            "use https, unless the provider is for development on this machine",
        )


def judge_endpoints(document: Document, registration: Registration) -> Iterator[Finding]:
    """Whether the endpoints in `document` suffice, and may be called."""
    good = []
    for name in (*_REQUIRED, *_OPTIONAL):
        value = document.get(name)
        if value is None:
            if name in _REQUIRED:
                yield Finding("problem", "endpoints", f"{name} is missing", _AT_THE_PROVIDER)
            continue
        try:
            checked_url(value, name, registration.addresses)
        except ProviderUnavailableError:
            wrong = f"{name} is {quoted(value)!r}; it must be an https URL without user name and #"
            yield Finding("problem", "endpoints", wrong, _AT_THE_PROVIDER)
        else:
            good.append(name)
    if good:
        yield Finding("ok", "endpoints", shown(good))


def _code_flow(document: Document, registration: Registration) -> Iterator[Finding]:
    # If absent, the defaults include these (OpenID Connect Discovery 1.0, section 3).
    for member, needed in (
        ("response_types_supported", "code"),
        ("grant_types_supported", "authorization_code"),
    ):
        offered = names_in(document, member)
        if offered is not None and needed not in offered:
            yield Finding(
                "problem",
                "code flow",
                f"{member} has no {needed!r}, only: {shown(offered)}",
                "allow the authorization code flow at the provider",
            )
    modes = names_in(document, "response_modes_supported")
    wanted = str(registration.authorize_params.get("response_mode", "query"))
    if modes is None and wanted == "form_post":
        # If absent, it means query and fragment (OpenID Connect Discovery 1.0, section 3).
        yield Finding(
            "warning",
            "code flow",
            "response_modes_supported is missing: the provider may not answer by form_post",
            f"if sign-ins fail, set providers.{registration.name}.response_mode: query",
        )
    if modes is not None and wanted not in modes:
        jarm = "; JARM is not supported" if JARM_MODES & set(modes) else ""
        yield Finding(
            "problem",
            "code flow",
            f"response_modes_supported has no {wanted!r}, only: {shown(modes)}{jarm}",
            f"allow the response mode {wanted} at the provider, or set "
            f"providers.{registration.name}.response_mode",
        )


def _pushed(document: Document, registration: Registration) -> Iterator[Finding]:
    """Whether authorization requests can be pushed (RFC 9126, section 5)."""
    asked = registration.pushed_authorization
    if not asked and document.get("require_pushed_authorization_requests") is not True:
        return
    if document.get("pushed_authorization_request_endpoint") is not None:
        why = "as configured" if asked else "which the provider requires"
        yield Finding("ok", "code flow", f"authorization requests are pushed, {why}")
        return
    setting = f"providers.{registration.name}.pushed_authorization"
    yield Finding(
        "problem",
        "code flow",
        "there is no pushed_authorization_request_endpoint, and "
        + (f"{setting} is on" if asked else "require_pushed_authorization_requests is true"),
        "turn pushed authorization requests (PAR) on at the provider"
        + (f", or remove {setting}" if asked else ", or its requirement off"),
    )


def _demands(document: Document) -> Iterator[Finding]:
    """Requirements of a provider that Gatepost does not support."""
    for member, what in unmet_demands(document):
        if member != MODES:  # `_code_flow` says it.
            do = "turn this requirement off at the provider"
            yield Finding("problem", "demands", f"{member}: {what}", do)
    offered = ["encryption"] if any(names_in(document, it) for it in _ENCRYPTION) else []
    if JARM_MODES & set(names_in(document, "response_modes_supported") or ()):
        offered.append("signed answers (JARM)")
    if offered:
        yield Finding(
            "note",
            "demands",
            f"the provider offers {' and '.join(offered)}, which Gatepost does not support",
            "leave it off for this client",
        )


def _pkce(document: Document) -> Finding:
    offered = names_in(document, "code_challenge_methods_supported")
    if offered is None:
        # RFC 8414, section 2: absent means no PKCE, but some support it without saying so.
        return Finding(
            "warning",
            "PKCE",
            "code_challenge_methods_supported is missing: the provider may not check the proof key "
            "(S256) that Gatepost always sends",
            "turn PKCE on at the provider, if it can",
        )
    if "S256" not in offered:
        return Finding(
            "problem",
            "PKCE",
            f"S256 is not offered, only: {shown(offered)}",
            "allow S256 at the provider",
        )
    return Finding("ok", "PKCE", "S256")


def _algorithms(document: Document, registration: Registration) -> Finding:
    topic = "signing algorithms"
    offered = names_in(document, "id_token_signing_alg_values_supported")
    accepted = shown(registration.algorithms)
    if offered is None:
        says = "the provider does not say how it signs ID tokens"
        return Finding("note", topic, says, f"it must be one of: {accepted}")
    common = [it for it in offered if it in registration.algorithms]
    others = [it for it in offered if it not in registration.algorithms]
    if not common:
        return Finding(
            "problem",
            topic,
            f"offered are {shown(offered)}; accepted are {accepted}",
            "choose an asymmetric signing key at the provider, or name one of its algorithms in "
            f"providers.{registration.name}.algorithms",
        )
    refused = f"; not accepted: {shown(others)}" if others else ""
    return Finding("ok", topic, f"{shown(common)}{refused}")


def judge_client_auth(registration: Registration, metadata: Metadata) -> Finding:
    """Whether the provider accepts the client authentication method of `registration`."""
    topic, offered = "client authentication", metadata.token_auth_methods
    method = choose_method(registration, metadata)
    says = f"{method} for client id {registration.client_id}"
    if method in offered:
        return Finding("ok", topic, says)
    says = f"{says} is not offered, only: {shown(offered)}"
    if method == "none":
        # Keycloak, for one, accepts public clients without listing this.
        return Finding(
            "warning",
            topic,
            says,
            "register it as a public client at the provider, or configure its secret",
        )
    return Finding("problem", topic, says, f"allow {method} at the provider, or use what it offers")


def judge_keys(
    key_set: Document, document: Document, registration: Registration
) -> Iterator[Finding]:
    """Whether the keys of `key_set`, the set of `document`, can verify ID tokens."""
    published = key_set.get("keys")
    total = len(published) if isinstance(published, list) else 0
    keys = read_keys(key_set)
    if set(registration.algorithms) == {"HS256"}:
        yield Finding("ok", "keys", "none needed: HS256 is verified with the client secret")
        return
    if not keys:
        yield Finding(
            "problem",
            "keys",
            f"none of {total} published keys can verify a signature",
            "add a signing key at the provider: RSA of 2048 bits or more, EC, or Ed25519",
        )
        return
    described = [
        f"{key.kid or 'no kid'} ({key.algorithm or ' '.join(key.kind).strip()})" for key in keys
    ]
    unused = total - len(keys)
    others = f"; {unused} more cannot verify signatures" if unused else ""
    yield Finding("ok", "keys", f"{len(keys)} usable: {shown(described)}{others}")

    offered = names_in(document, "id_token_signing_alg_values_supported")
    common = [it for it in offered or () if it in registration.algorithms]
    if common and not any(key.serves(algorithm) for key in keys for algorithm in common):
        yield Finding(
            "problem",
            "keys",
            f"no key is for any of the signing algorithms {shown(common)}",
            "choose a signing key at the provider that fits the algorithm of ID tokens",
        )
    kinds = [key.kind for key in keys]
    if any(key.kid is None and kinds.count(key.kind) > 1 for key in keys):
        # OpenID Connect Core 1.0, section 10.1.
        yield Finding(
            "warning",
            "keys",
            "several keys of one type, and not all have a kid: a token without one is refused",
            "give every key a kid at the provider",
        )
