"""Reads oauth2-proxy's YAML configuration (alpha), which has a structure of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.importing.findings import Report
from gateway.importing.formats import place_of
from gateway.importing.given import Given
from gateway.importing.upstreams import Upstream
from gateway.settings.document import Data, Document, Path, dotted_path
from gateway.settings.scalars import unknown_message

# Member -> option, or members below; `None` needs no translation.
_Fields = Mapping[str, "str | _Fields | None"]
_PROVIDER: _Fields = {
    "id": None,
    "provider": "provider",
    "name": "provider_display_name",
    "clientid": "client_id",
    "clientsecret": "client_secret",
    "clientsecretfile": "client_secret_file",
    "cafiles": "provider_ca_files",
    "usesystemtruststore": "use_system_trust_store",
    "loginurl": "login_url",
    "loginurlparameters": "login_url_params",
    "redeemurl": "redeem_url",
    "profileurl": "profile_url",
    "skipclaimsfromprofileurl": "skip_claims_from_profile_url",
    "resource": "resource",
    "validateurl": "validate_url",
    "scope": "scope",
    "allowedgroups": "allowed_groups",
    "code_challenge_method": "code_challenge_method",
    "codechallengemethod": "code_challenge_method",
    "backendlogouturl": "backend_logout_url",
    "authrequestresponsemode": "auth_request_response_mode",
    "oidcconfig": {
        "issuerurl": "oidc_issuer_url",
        "insecureallowunverifiedemail": "insecure_oidc_allow_unverified_email",
        "insecureskipissuerverification": "insecure_oidc_skip_issuer_verification",
        "insecureskipnonce": "insecure_oidc_skip_nonce",
        "skipdiscovery": "skip_oidc_discovery",
        "jwksurl": "oidc_jwks_url",
        "publickeys": "oidc_public_key_files",
        "publickeyfiles": "oidc_public_key_files",
        "enabledsigningalgs": "oidc_enabled_signing_algs",
        "emailclaim": "oidc_email_claim",
        "groupsclaim": "oidc_groups_claim",
        "rolesclaim": "oidc_roles_claim",
        "useridclaim": "user_id_claim",
        "audienceclaims": "oidc_audience_claims",
        "extraaudiences": "oidc_extra_audiences",
    },
    "keycloakconfig": {"groups": "keycloak_groups", "roles": "allowed_roles", "acrs": "acr_values"},
    "azureconfig": {"tenant": "azure_tenant", "graphgroupfield": "azure_graph_group_field"},
    "microsoftentraidconfig": {
        "allowedtenants": "entra_id_allowed_tenants",
        "federatedtokenauth": "entra_id_federated_token_auth",
    },
    "adfsconfig": {"skipscope": None},
    "bitbucketconfig": {"team": "bitbucket_team", "repository": "bitbucket_repository"},
    "githubconfig": {
        "org": "github_org",
        "team": "github_team",
        "repo": "github_repo",
        "token": "github_token",
        "users": "github_users",
    },
    "gitlabconfig": {"group": "gitlab_groups", "projects": "gitlab_projects"},
    "googleconfig": {
        "group": "google_groups",
        "groups": "google_groups",
        "adminemail": "google_admin_email",
        "serviceaccountjson": "google_service_account_json",
        "useapplicationdefaultcredentials": "google_use_application_default_credentials",
        "targetprincipal": "google_target_principal",
        "useorganizationid": "google_use_organization_id",
        "adminapiuserscope": "google_admin_api_user_scope",
    },
    "logingovconfig": {
        "jwtkey": "jwt_key",
        "jwtkeyfile": "jwt_key_file",
        "pubjwkurl": "pubjwk_url",
    },
}
_TLS: _Fields = {
    "key": {"fromfile": "tls_key_file", "value": None, "fromenv": None},
    "cert": {"fromfile": "tls_cert_file", "value": None, "fromenv": None},
    "minversion": "tls_min_version",
    "ciphersuites": "tls_cipher_suites",
}
_ROOT: _Fields = {
    "server": {"bindaddress": "http_address", "securebindaddress": "https_address", "tls": _TLS},
    "metricsserver": {
        "bindaddress": "metrics_address",
        "securebindaddress": "metrics_secure_address",
        "tls": {
            "key": {"fromfile": "metrics_tls_key_file", "value": None, "fromenv": None},
            "cert": {"fromfile": "metrics_tls_cert_file", "value": None, "fromenv": None},
            "minversion": None,
            "ciphersuites": None,
        },
    },
    "upstreamconfig": {"proxyrawpath": "proxy_raw_path", "upstreams": None},
    "upstreams": None,
    "injectrequestheaders": None,
    "injectresponseheaders": None,
    "providers": None,
}
_UPSTREAM: _Fields = dict.fromkeys(
    (
        "id",
        "path",
        "uri",
        "rewritetarget",
        "insecureskiptlsverify",
        "static",
        "staticcode",
        "flushinterval",
        "passhostheader",
        "proxywebsockets",
        "timeout",
        "disablekeepalives",
    )
)
_SECRET: _Fields = dict.fromkeys(("value", "fromenv", "fromfile"))
_HEADER_VALUE: _Fields = {**_SECRET, "claim": None, "prefix": None, "basicauthpassword": _SECRET}
_HEADER: _Fields = {"name": None, "preserverequestvalue": None, "values": _HEADER_VALUE}


@dataclass(frozen=True, slots=True)
class Header:
    """A field to send to the app; `values` have the names of the file in lower case."""

    name: str
    values: tuple[Mapping[str, Data], ...]
    keeps_clients: bool
    place: str


@dataclass(slots=True)
class Alpha:
    """What the structured file says besides plain options."""

    providers: list[tuple[str, Given]] = field(default_factory=list)
    upstreams: list[Upstream] | None = None
    request_headers: list[Header] | None = None
    response_headers: list[Header] | None = None


def is_alpha(documents: list[Data]) -> bool:
    """Whether the only document has the members of such a file."""
    found = documents[0] if len(documents) == 1 else None
    return isinstance(found, dict) and any(name.lower() in _ROOT for name in found)


def read_alpha(root: Data, about: Document, given: Given) -> Alpha:
    """Put the plain options of `root`, the first document, into `given`; return the rest."""
    return _Reader(about, given.report).read(root, given)


@dataclass(frozen=True, slots=True)
class _Reader:
    about: Document
    report: Report

    def read(self, root: Data, given: Given) -> Alpha:
        self._put(root, (0,), _ROOT, given)
        alpha = Alpha()
        for name, data in root.items() if isinstance(root, dict) else ():
            path: Path = (0, name)
            match name.lower():
                case "upstreamconfig":
                    inner = (*path, "upstreams")
                    alpha.upstreams = list(self._upstreams(_low(data).get("upstreams"), inner))
                case "upstreams":
                    alpha.upstreams = [*(alpha.upstreams or []), *self._upstreams(data, path)]
                case "injectrequestheaders":
                    alpha.request_headers = list(self._headers(data, path))
                case "injectresponseheaders":
                    alpha.response_headers = list(self._headers(data, path))
                case "providers":
                    alpha.providers = list(self._providers(data, path))
                case _:
                    pass
        return alpha

    def _put(self, data: Data, path: Path, fields: _Fields, given: Given) -> None:
        """Put the options in `data`; report members that `fields` does not have."""
        if not isinstance(data, dict):
            return
        for name, value in data.items():
            at = (*path, name)
            if name.lower() not in fields:
                said = unknown_message("member", name, list(fields), free=())
                message = f"{said}: left out, check what it did"
                self.report.add("unknown", place_of(self.about, at), dotted_path(at[1:]), message)
                continue
            meant = fields[name.lower()]
            if isinstance(meant, Mapping):
                for one, where in _each(value, at):
                    self._put(one, where, meant, given)
            elif meant is not None and value is not None:
                given.put(meant, _texts(value), place_of(self.about, at))

    def _providers(self, data: Data, path: Path) -> Iterator[tuple[str, Given]]:
        for one, at in _each(data, path):
            if isinstance(one, dict):
                given = Given(self.report)
                self._put(one, at, _PROVIDER, given)
                yield str(_low(one).get("id") or ""), given

    def _upstreams(self, data: Data, path: Path) -> Iterator[Upstream]:
        for one, at in _each(data, path):
            if not isinstance(one, dict):
                continue
            self._put(one, at, _UPSTREAM, Given(self.report))
            low = {name: str(value or "") for name, value in _low(one).items()}
            is_static = _is_on(low.get("static"))
            yield Upstream(
                f"static://{low.get('staticcode') or 200}" if is_static else low.get("uri", ""),
                low.get("path") or "/",
                place_of(self.about, at),
                dotted_path(at[1:]),
                name=low.get("id", ""),
                timeout=low.get("timeout", ""),
                keeps_host=_is_on(low.get("passhostheader", "true")),
                insecure=_is_on(low.get("insecureskiptlsverify")),
                rewrites=bool(low.get("rewritetarget")),
            )

    def _headers(self, data: Data, path: Path) -> Iterator[Header]:
        for one, at in _each(data, path):
            if not isinstance(one, dict):
                continue
            self._put(one, at, _HEADER, Given(self.report))
            low = _low(one)
            values = tuple(_low(it) for it, _ in _each(low.get("values"), ()))
            keeps = _is_on(str(low.get("preserverequestvalue") or ""))
            yield Header(str(low.get("name") or ""), values, keeps, place_of(self.about, at))


def _low(data: Data) -> dict[str, Data]:
    """`data` with the names of its members in lower case: Go reads them in any case."""
    return {name.lower(): it for name, it in data.items()} if isinstance(data, dict) else {}


def _each(data: Data, path: Path) -> Iterator[tuple[Data, Path]]:
    if isinstance(data, list):
        yield from ((it, (*path, index)) for index, it in enumerate(data))
    elif data is not None:
        yield data, path


def _texts(value: Data) -> list[str]:
    if isinstance(value, list):
        return [it if isinstance(it, str) else "…" for it in value if it is not None]
    return [value] if isinstance(value, str) else ["…"]


def _is_on(text: str | None) -> bool:
    return (text or "").lower() in ("true", "yes", "on", "1")
