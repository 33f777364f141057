"""Checks what the configuration asks of a provider beyond a plain sign-in; pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from gateway.oidc.finding import Finding, names_in, shown
from gateway.oidc.mutual_tls import METHOD
from gateway.oidc.registration import Registration

Document = Mapping[str, object]

# RFC 9701, section 7.
_SIGNS_ANSWERS = "introspection_signing_alg_values_supported"
# OpenID Connect Core 1.0, section 5.4.
_OF_OPENID = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
# The gateway calls these itself; browsers go to the others.
_CALLED = (
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
)


@dataclass(frozen=True, slots=True)
class Asks:
    """What the file asks, apart from the registration.

    Attributes:
        acr: The authentication contexts that rules name.
        introspects: Whether opaque tokens of this issuer are introspected.
        wants_signed: Whether only signed answers to that are taken.
        has_certificate: Whether there is a client certificate.
        proxy: ``host:port`` of the proxy that calls go through; ``""`` for none.
    """

    acr: Collection[str] = ()
    introspects: bool = False
    wants_signed: bool = False
    has_certificate: bool = False
    proxy: str = ""


def judge_asks(document: Document, registration: Registration, asks: Asks) -> Iterator[Finding]:
    """Findings on what `registration` and `asks` need and `document` lacks."""
    if asks.proxy:
        yield Finding("ok", "endpoints", f"called through the proxy {asks.proxy}")
    if registration.internal_url is not None:
        yield from _internal(document, registration)
    yield from _certificate(document, registration, asks)
    if registration.nonce_may_be_absent:
        yield from _nonce(document, registration)
    if asks.introspects and document.get("introspection_endpoint") is None:
        yield Finding(
            "warning",
            "endpoints",
            "there is no introspection_endpoint: opaque access tokens are refused",
            "turn introspection on at the provider, or remove it from the entry in bearer",
        )
    if asks.wants_signed and names_in(document, _SIGNS_ANSWERS) is None:
        yield Finding(
            "warning",
            "endpoints",
            f"introspection.signed is on, and there is no {_SIGNS_ANSWERS}: opaque access tokens "
            "may be refused",
            "turn signed introspection (RFC 9701) on at the provider, or remove signed",
        )
    if registration.offline and document.get("revocation_endpoint") is None:
        yield Finding(
            "note",
            "refresh",
            "there is no revocation_endpoint: a refresh token outlives its session",
        )
    yield from _groups(registration)
    yield from _acr(document, asks)


def _internal(document: Document, registration: Registration) -> Iterator[Finding]:
    addresses, inside = registration.addresses, registration.internal_url
    yield Finding("ok", "endpoints", f"called at internal_url: {inside}")
    outside = [
        name
        for name in _CALLED
        if isinstance(url := document.get(name), str)
        and addresses.called(url) == url
        and not addresses.is_inside(url)
    ]
    if outside:
        yield Finding(
            "warning",
            "endpoints",
            f"called at their public addresses, which do not begin with the issuer: "
            f"{shown(outside)}",
            "make sure that this machine can reach those too, or have the provider publish "
            "internal addresses to internal callers",
        )
    if str(inside).startswith("http://"):
        yield Finding(
            "note",
            "endpoints",
            "internal_url is plain http: who can change that traffic can sign in as any user",
            "use it only on a network that nobody else can reach",
        )


def _certificate(document: Document, registration: Registration, asks: Asks) -> Iterator[Finding]:
    topic, method = "client authentication", registration.client_auth
    at = f"providers.{registration.name}"
    offered = names_in(document, "token_endpoint_auth_methods_supported") or ()
    if method == METHOD:
        if isinstance(document.get("mtls_endpoint_aliases"), Mapping):
            yield Finding("ok", topic, "the certificate goes to mtls_endpoint_aliases")
    elif asks.has_certificate and METHOD in offered:
        yield Finding(
            "warning",
            topic,
            f"the provider offers {METHOD}, and {at}.tls has a certificate that is not used for it",
            f"set {at}.client_auth: {METHOD}, if the client is registered with the certificate",
        )


def _nonce(document: Document, registration: Registration) -> Iterator[Finding]:
    methods = names_in(document, "code_challenge_methods_supported")
    at = f"providers.{registration.name}.nonce"
    if methods is not None and "S256" not in methods:
        yield Finding(
            "problem",
            "PKCE",
            f"{at} is unless_absent, which needs S256: sign-ins are refused",
            f"allow S256 at the provider, or set {at}: required",
        )
    elif methods is None:
        yield Finding(
            "warning",
            "PKCE",
            f"{at} is unless_absent, and the provider does not say that it checks proof keys: if "
            "it does not, nothing ties a stolen code to the browser it was made for",
            "turn PKCE on for this client at the provider",
        )


def _groups(registration: Registration) -> Iterator[Finding]:
    where = registration.groups_overage
    if where is None:
        return
    # Without scopes of an API, the access token is good at userinfo and nowhere else.
    if set(registration.scopes) <= _OF_OPENID:
        yield Finding(
            "warning",
            "groups",
            f"groups_overage asks {where.endpoint}, for which no scope is asked",
            f"add User.Read to providers.{registration.name}.scopes",
        )
    else:
        yield Finding("ok", "groups", f"of users in too many for a token: {where.endpoint}")


def _acr(document: Document, asks: Asks) -> Iterator[Finding]:
    offered = names_in(document, "acr_values_supported")
    missing = [it for it in asks.acr if offered is not None and it not in offered]
    if missing:
        yield Finding(
            "warning",
            "claims",
            f"rules ask for acr {shown(missing)}, and acr_values_supported has only: "
            f"{shown(offered or ())}",
            "set up that authentication context at the provider, or correct the rules",
        )
