"""Mutual TLS for client authentication (RFC 8705); pure."""

from collections.abc import Mapping

METHOD = "tls_client_auth"
_ENDPOINTS = (
    "token_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
    "userinfo_endpoint",
    "pushed_authorization_request_endpoint",
)


def with_mutual_tls(document: Mapping[str, object]) -> Mapping[str, object]:
    """The discovery `document` as a client with a certificate uses it (section 5).

    Some providers ask for certificates at other addresses, so that browsers never see the question.
    """
    aliases = document.get("mtls_endpoint_aliases")
    if not isinstance(aliases, Mapping):
        return document
    return {**document, **{name: aliases[name] for name in _ENDPOINTS if name in aliases}}
