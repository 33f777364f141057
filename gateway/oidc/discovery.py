"""What a provider publishes about itself (OpenID Connect Discovery 1.0; RFC 8414)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.errors import ProviderUnavailableError
from gateway.oidc.cache import CachedDocument, Clock, freshness_s
from gateway.oidc.errors import IssuerMismatchError
from gateway.oidc.http import ProviderHttp

WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The members of a discovery document that the gateway uses; None where not offered.

    Attributes:
        token_auth_methods: How a client may authenticate at the token endpoint.
        answers_with_issuer: Whether every answer carries ``iss`` (RFC 9207, section 3).
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    revocation_endpoint: str | None = None
    introspection_endpoint: str | None = None
    token_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    answers_with_issuer: bool = False


def well_known_url(issuer: str) -> str:
    """Where `issuer` publishes its document (OpenID Connect Discovery 1.0, section 4.1)."""
    return issuer.removesuffix("/") + WELL_KNOWN


def read_metadata(
    document: Mapping[str, object], issuer: str, aliases: Collection[str] = ()
) -> Metadata:
    """Read a discovery `document` of `issuer`; `aliases` are other spellings it may use.

    Raises:
        IssuerMismatchError: it names another issuer.  Compared byte for byte (section 4.3):
            a trailing slash makes another issuer.
        ProviderUnavailableError: an endpoint is missing, or not a URL that may be called.
    """
    named = document.get("issuer")
    if named != issuer and named not in aliases:
        raise IssuerMismatchError(f"discovery names {named!r}, configured is {issuer!r}")

    def optional(name: str) -> str | None:
        value = document.get(name)
        return None if value is None else _checked_url(value, name, issuer)

    def required(name: str) -> str:
        return _checked_url(document.get(name), name, issuer)

    return Metadata(
        issuer=issuer,
        authorization_endpoint=required("authorization_endpoint"),
        token_endpoint=required("token_endpoint"),
        jwks_uri=required("jwks_uri"),
        userinfo_endpoint=optional("userinfo_endpoint"),
        end_session_endpoint=optional("end_session_endpoint"),
        revocation_endpoint=optional("revocation_endpoint"),
        introspection_endpoint=optional("introspection_endpoint"),
        token_auth_methods=_names(document.get("token_endpoint_auth_methods_supported")),
        answers_with_issuer=(
            document.get("authorization_response_iss_parameter_supported") is True
        ),
    )


def _checked_url(value: object, name: str, issuer: str) -> str:
    if not isinstance(value, str):
        raise ProviderUnavailableError(f"discovery of {issuer!r}: {name} is missing")
    try:
        parts = urlsplit(value)
        hostname = parts.hostname
    except ValueError as error:
        raise ProviderUnavailableError(f"discovery: {name} is no URL: {value!r}") from error
    # OpenID Connect Core 1.0, section 3.1.2: TLS, always.  An issuer configured with plain http
    # (a development provider, a loopback one) has already given that up.
    allowed = ("https", "http") if issuer.startswith("http://") else ("https",)
    if parts.scheme not in allowed or not hostname or parts.fragment or parts.username:
        raise ProviderUnavailableError(f"discovery: {name} may not be called: {value!r}")
    return value


def _names(value: object) -> tuple[str, ...]:
    # Absent means client_secret_basic (OpenID Connect Discovery 1.0, section 3).
    if not isinstance(value, list):
        return ("client_secret_basic",)
    return tuple(item for item in value if isinstance(item, str))


class Discovery:
    """The metadata of one issuer, fetched at the first use and kept while the provider is down."""

    def __init__(
        self, issuer: str, http: ProviderHttp, clock: Clock, *, aliases: Collection[str] = ()
    ) -> None:
        self._issuer = issuer
        self._aliases = aliases
        self._http = http
        self._document = CachedDocument(self._fetch, clock)

    async def metadata(self) -> Metadata:
        """What the provider publishes now.

        Raises:
            ProviderUnavailableError: it could not be asked, or gives no usable document.
            IssuerMismatchError: the document is another issuer's.
        """
        return await self._document.get()

    async def _fetch(self) -> tuple[Metadata, float]:
        answer = await self._http.get(well_known_url(self._issuer))
        if answer.status != 200:  # noqa: PLR2004 - OK, the one status of section 4.2
            raise ProviderUnavailableError(f"{answer.url}: status {answer.status}")
        metadata = read_metadata(answer.json_object(), self._issuer, self._aliases)
        return metadata, freshness_s(answer.fields.get("cache-control", ""))
