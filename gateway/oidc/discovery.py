"""A provider's discovery document (OpenID Connect Discovery 1.0; RFC 8414)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from gateway.errors import GatewayError, ProviderUnavailableError
from gateway.oidc.cache import CachedDocument, freshness_s
from gateway.oidc.demands import unmet_demands
from gateway.oidc.errors import IssuerMisconfiguredError
from gateway.oidc.given_endpoints import Given, need_no_discovery
from gateway.oidc.http import Answer, ProviderHttp
from gateway.oidc.internal_url import Addresses
from gateway.oidc.mutual_tls import with_mutual_tls
from gateway.storage.store import Clock

WELL_KNOWN = "/.well-known/openid-configuration"
# RFC 8414, section 3: before the issuer's path, not after it.
_OAUTH_WELL_KNOWN = "/.well-known/oauth-authorization-server"
_OK = 200
# There is nothing, or it moved permanently: not a temporary outage.
_NOT_HERE = frozenset({301, 308, 404, 410})
_NOT_FOUND = 404
_SERVER_ERROR = 500
# What the file says changes only with a reload.
_GIVEN_FRESH_S = 86400.0
_NOTHING_GIVEN: Given = MappingProxyType({})
_GOOGLE = "https://accounts.google.com"
NAMED_BY_REQUEST = (
    "the provider takes its name from the address it is called at: set its public URL there"
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The members of a discovery document that the gateway uses; None if not offered.

    Attributes:
        token_auth_methods: How clients may authenticate at the token endpoint.
        answers_with_issuer: Whether every response carries ``iss`` (RFC 9207, section 3).
        account_prompt: The ``prompt`` value that lets a user switch accounts.
        denies_pkce: Whether it lists how it checks proof keys (RFC 7636), and S256 is not there.
        login_prompt: The ``prompt`` value that has a user sign in again.
        requires_pushed_requests: Whether it takes an authorization request only at
            `pushed_authorization_request_endpoint` (RFC 9126, section 5).
        unmet: What it demands that Gatepost does not do: members, and texts for the log.
        offers_create: Whether ``prompt=create`` leads to a new account (Initiating User
            Registration via OpenID Connect 1.0, section 4.2).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    pushed_authorization_request_endpoint: str | None = None
    requires_pushed_requests: bool = False
    token_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    answers_with_issuer: bool = False
    account_prompt: str = "select_account"
    login_prompt: str = "login"
    denies_pkce: bool = False
    unmet: tuple[tuple[str, str], ...] = ()
    offers_create: bool = False


def well_known_url(issuer: str) -> str:
    """Where `issuer` publishes its document (OpenID Connect Discovery 1.0, section 4.1)."""
    return issuer.removesuffix("/") + WELL_KNOWN


def oauth_well_known_url(issuer: str) -> str:
    """Where `issuer` publishes its document by RFC 8414, section 3.1."""
    parts = urlsplit(issuer)
    path = parts.path.removesuffix("/")
    return parts._replace(path=_OAUTH_WELL_KNOWN + path).geturl()


def read_metadata(
    document: Mapping[str, object], addresses: Addresses, aliases: Collection[str] = ()
) -> Metadata:
    """Parse the discovery `document` at `addresses`, which may call itself one of `aliases`.

    Addresses for browsers are public; the others are as published.

    Raises:
        IssuerMisconfiguredError: it names another issuer.  Compared byte for byte (section 4.3),
            so a trailing slash makes a difference.
        ProviderUnavailableError: an endpoint is missing, or its URL may not be called.
    """
    issuer, named = addresses.issuer, document.get("issuer")
    if named != issuer and named not in aliases:
        inside = isinstance(named, str) and addresses.is_inside(named)
        raise IssuerMisconfiguredError(
            f"issuer: configured is {issuer!r}, found is {str(named)[:200]!r}"
            f"{f'; {NAMED_BY_REQUEST}' if inside else ''}"
        )

    def optional(name: str) -> str | None:
        value = document.get(name)
        return None if value is None else checked_url(value, name, addresses)

    def required(name: str) -> str:
        return checked_url(document.get(name), name, addresses)

    end_session_endpoint = optional("end_session_endpoint")

    return Metadata(
        issuer=issuer,
        authorization_endpoint=addresses.shown(required("authorization_endpoint")),
        token_endpoint=required("token_endpoint"),
        jwks_uri=required("jwks_uri"),
        userinfo_endpoint=optional("userinfo_endpoint"),
        end_session_endpoint=(
            None if end_session_endpoint is None else addresses.shown(end_session_endpoint)
        ),
        revocation_endpoint=optional("revocation_endpoint"),
        introspection_endpoint=optional("introspection_endpoint"),
        pushed_authorization_request_endpoint=optional("pushed_authorization_request_endpoint"),
        requires_pushed_requests=document.get("require_pushed_authorization_requests") is True,
        token_auth_methods=_names(document.get("token_endpoint_auth_methods_supported")),
        account_prompt=_account_prompt(document.get("prompt_values_supported")),
        login_prompt=_login_prompt(issuer, document.get("prompt_values_supported")),
        unmet=tuple(unmet_demands(document)),
        offers_create="create" in _names(document.get("prompt_values_supported")),
        denies_pkce=_denies_pkce(document.get("code_challenge_methods_supported")),
        answers_with_issuer=(
            document.get("authorization_response_iss_parameter_supported") is True
        ),
    )


def checked_url(value: object, name: str, addresses: Addresses) -> str:
    """`value`, the endpoint `name` at `addresses`, checked to be a URL that may be called.

    Raises:
        ProviderUnavailableError: it is missing, or not such a URL.
    """
    if not isinstance(value, str):
        raise ProviderUnavailableError(f"discovery of {addresses.issuer!r}: {name} is missing")
    try:
        parts = urlsplit(value)
        hostname = parts.hostname
    except ValueError as error:
        raise ProviderUnavailableError(f"discovery: {name} is no URL: {value!r}") from error
    # OpenID Connect Core 1.0, section 3.1.2, requires TLS.  An issuer configured with plain http
    # (for development, or on loopback) has already given that up, and so has the configuration for
    # what lies at an internal address with plain http.
    is_plain = addresses.issuer.startswith("http://") or addresses.is_inside(value)
    allowed = ("https", "http") if is_plain else ("https",)
    if parts.scheme not in allowed or not hostname or parts.fragment or parts.username:
        raise ProviderUnavailableError(f"discovery: {name} may not be called: {value!r}")
    return value


def _names(value: object) -> tuple[str, ...]:
    # Absent means client_secret_basic (OpenID Connect Discovery 1.0, section 3).
    if not isinstance(value, list):
        return ("client_secret_basic",)
    return tuple(item for item in value if isinstance(item, str))


async def fetch_document(addresses: Addresses, http: ProviderHttp) -> Answer:
    """Fetch the discovery document of the issuer at `addresses`, without parsing it.

    A server that has none of OpenID Connect may have one of RFC 8414.

    Raises:
        ProviderUnavailableError: there is no response, or not a 200.
        IssuerMisconfiguredError: there is no document.
    """
    answer = await http.get(well_known_url(addresses.discovered))
    if answer.status == _OK:  # The only success status in section 4.2.
        return answer
    if answer.status == _NOT_FOUND:
        issuer = addresses.internal_url or addresses.discovered
        other = await http.get(oauth_well_known_url(issuer))
        if _is_document(other):
            return other
    raise _not_found(addresses, answer)


def _is_document(answer: Answer) -> bool:
    # Some servers answer 200 for any path, with a page or with an error in JSON.
    try:
        return answer.status == _OK and "issuer" in answer.json_object()
    except ProviderUnavailableError:
        return False


def _not_found(addresses: Addresses, answer: Answer) -> ProviderUnavailableError:
    """The error for a missing document: a wrong address, or a temporary failure."""
    issuer, found = addresses.issuer, f"{answer.url} is {answer.status}"
    if issuer.endswith(WELL_KNOWN) and answer.status < _SERVER_ERROR:
        meant = issuer.removesuffix(WELL_KNOWN)
        hint = f"configured is the document's own address; the issuer may be {meant!r}"
        return IssuerMisconfiguredError(f"issuer: {hint}: {found}")
    moved = answer.fields.get("location", "")[:200]
    elsewhere = f", found at {moved!r}" if moved else ""
    if answer.status in _NOT_HERE and addresses.internal_url is not None:
        given = f"internal_url: configured is {addresses.internal_url!r}"
        hint = f"it takes the place of {issuer!r}, path included"
        return IssuerMisconfiguredError(f"{given}: {found}{elsewhere}; {hint}")
    if answer.status in _NOT_HERE:
        return IssuerMisconfiguredError(f"issuer: configured is {issuer!r}: {found}{elsewhere}")
    return ProviderUnavailableError(f"{found}{elsewhere}")


def _denies_pkce(supported: object) -> bool:
    # Many providers that check proof keys list nothing.
    return isinstance(supported, list) and "S256" not in supported


def _account_prompt(supported: object) -> str:
    # Many providers that support select_account list nothing; most without it list their values.
    knows = not isinstance(supported, list) or "select_account" in supported
    return "select_account" if knows else "login"


def _login_prompt(issuer: str, supported: object) -> str:
    # OpenID Connect Core 1.0, section 15.1 requires support for `login`.  Google knows only `none`,
    # `consent` and `select_account`, and lists nothing.
    knows = "login" in supported if isinstance(supported, list) else issuer != _GOOGLE
    return "login" if knows else "select_account"


class Discovery:
    """The metadata of one issuer, fetched at first use and kept while the provider is down."""

    def __init__(
        self,
        addresses: Addresses,
        http: ProviderHttp,
        clock: Clock,
        *,
        aliases: Collection[str] = (),
        mutual_tls: bool = False,
        given: Given = _NOTHING_GIVEN,
    ) -> None:
        """Use the endpoints that the file has `given`; with enough of them, ask nobody."""
        self._addresses = addresses
        self._aliases = aliases
        self._mutual_tls = mutual_tls
        self._given = given
        self._http = http
        self._document = CachedDocument(self._fetch, clock)

    @property
    def failure(self) -> GatewayError | None:
        """Why the last fetch failed; None if it did not."""
        return self._document.failure

    @property
    def fetched_at(self) -> float | None:
        """When it was fetched the last time; None if it never was."""
        return self._document.fetched_at

    async def metadata(self) -> Metadata:
        """The provider's current metadata.

        Raises:
            ProviderUnavailableError: it could not be reached, or sent no usable document.
            IssuerMisconfiguredError: the document is another issuer's, or missing.
        """
        return await self._document.get()

    async def _fetch(self) -> tuple[Metadata, float]:
        if need_no_discovery(self._given):
            document: Mapping[str, object] = {"issuer": self._addresses.issuer}
            fresh_s = _GIVEN_FRESH_S
        else:
            answer = await fetch_document(self._addresses, self._http)
            document = answer.json_object()
            fresh_s = freshness_s(answer.fields.get("cache-control", ""))
        if self._mutual_tls:
            document = with_mutual_tls(document)
        named = {**document, **self._given}
        return read_metadata(named, self._addresses, self._aliases), fresh_s
