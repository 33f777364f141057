"""Checks a provider's document with Authlib, as a second opinion in a report.

No sign-in depends on it.  See docs/decisions/0002-dependencies.md.
"""

from collections.abc import Iterator, Mapping

from gateway.oidc.finding import Finding, quoted

# Members that Gatepost reads; a fault elsewhere cannot break a sign-in.
_USED = frozenset(
    {
        "issuer",
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "introspection_endpoint",
        "scopes_supported",
        "response_types_supported",
        "response_modes_supported",
        "grant_types_supported",
        "token_endpoint_auth_methods_supported",
        "code_challenge_methods_supported",
        "claims_supported",
    }
)
_PLAIN_HTTP = 'MUST use "https" scheme'


def judge_by_standards(document: Mapping[str, object]) -> Iterator[Finding]:
    """The members that violate OpenID Connect Discovery 1.0, section 3, or RFC 8414, section 2."""
    # Imported late, because it takes 29 ms and only this report needs it.
    from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
    from authlib.oidc.discovery import OpenIDProviderMetadata

    metadata = OpenIDProviderMetadata(document)
    # Check each member, because validate() stops at the first error.
    members = dict.fromkeys(
        [*OpenIDProviderMetadata.REGISTRY_KEYS, *AuthorizationServerMetadata.REGISTRY_KEYS]
    )
    is_plain = str(document.get("issuer", "")).startswith("http://")
    complaints = 0
    for member in members:
        complaint = _complaint(metadata, member)
        # The issuer's own finding already says this.
        if complaint is None or (is_plain and complaint.endswith(_PLAIN_HTTP)):
            continue
        complaints += 1
        if member in _USED:
            do = "correct it at the provider: Gatepost reads this member"
            yield Finding("warning", "standards", complaint, do)
        else:
            do = "Gatepost does not read this member; other clients may refuse the document"
            yield Finding("note", "standards", complaint, do)
    if not complaints:
        yield Finding("ok", "standards", "Authlib finds no fault in the document")


def _complaint(metadata: object, member: str) -> str | None:
    try:
        getattr(metadata, f"validate_{member}")()
    except ValueError as error:
        text = quoted(error)
        return text if member in text else f'"{member}": {text}'
    except (TypeError, AttributeError, LookupError):
        # Authlib assumes the right types, also for members that it compares this one with.
        return f'"{member}", or a member it depends on, has the wrong type'
    return None
