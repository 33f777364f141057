"""An issuer with a place for the tenant: whose token it is must be told twice, and be listed."""

from dataclasses import replace

import pytest

from gateway.assembly.session_refresh import Refreshes
from gateway.credentials.provider_tokens import kept_tokens
from gateway.oidc import errors
from gateway.oidc.refresh import refresh
from gateway.oidc.registration import Registration
from gateway.oidc.sign_in import begin_sign_in, finish_sign_in
from gateway.sessions.refresh import Over
from gateway.sessions.ticket import new_ticket
from tests.oidc.hostile import REFRESH_TOKEN, SUBJECT, HostileProvider, Wrongs
from tests.sessions.test_record import make_session

CALLBACK = "https://notes.example.com/_gatepost/callback/hostile"
ONE, TWO, THREE = (f"{it}000-1111-2222" for it in ("one", "two", "three"))


class Entra(HostileProvider):
    """One that publishes the document of all tenants under a tenant called common."""

    def start_with_tenants(self):
        self.base = self.issuer
        self.issuer = f"{self.base}/{{tenantid}}/v2.0"

    async def handle(self, request):
        path = request.path.removeprefix("/common/v2.0")
        return await super().handle(_At(request, path))

    def _discovery(self, request):
        names = ("authorization", "token", "userinfo")
        common = {f"{it}_endpoint": f"{self.base}/common/v2.0/{it}" for it in names}
        before, self.wrongs = self.wrongs, replace(self.wrongs, discovery=self.published(common))
        answer = super()._discovery(request)
        self.wrongs = before
        return answer

    def published(self, common):
        return {
            **common,
            "jwks_uri": f"{self.base}/common/v2.0/jwks",
            "authorization_response_iss_parameter_supported": None,
            "end_session_endpoint": None,
            "revocation_endpoint": None,
            **self.wrongs.discovery,
        }

    def of(self, tenant, issuer=None):
        """Say that the user is from `tenant`."""
        named = self.issuer.replace("{tenantid}", issuer or tenant or "")
        self.wrongs.claims = {"tid": tenant, "iss": named}


class _At:
    """`request` at another path."""

    def __init__(self, request, path):
        self._request = request
        self.path = path

    def __getattr__(self, name):
        return getattr(self._request, name)


@pytest.fixture
async def entra(start_issuer):
    found = await start_issuer(Entra)
    found.start_with_tenants()
    return found


@pytest.fixture
def provider(entra, make_provider):
    return make_provider(issuer=entra.issuer, tenants=(ONE, TWO))


async def sign_in(provider, entra):
    flow, location = await begin_sign_in(provider, CALLBACK, "/")
    return await finish_sign_in(provider, flow, entra.approve(location, iss=None))


@pytest.mark.parametrize("tenant", [ONE, TWO])
async def test_a_user_is_known_by_the_issuer_of_the_tenant(provider, entra, tenant):
    entra.of(tenant)

    identity = (await sign_in(provider, entra)).identity

    assert (identity.issuer, identity.subject) == (f"{entra.base}/{tenant}/v2.0", SUBJECT)
    assert identity.provider == "hostile"


@pytest.mark.parametrize(
    ("tenant", "issuer"),
    [
        (THREE, None),
        (None, ONE),
        (7, ONE),
        ("{tenantid}", "{tenantid}"),
        ("common", "common"),
        # Signed by the right keys, for another tenant than it says.
        (ONE, TWO),
        (ONE, f"{ONE}/"),
        (ONE.upper(), ONE.upper()),
    ],
)
async def test_any_other_tenant_is_refused(provider, entra, tenant, issuer):
    entra.of(tenant, issuer)

    with pytest.raises(errors.IssuerMismatchError):
        await sign_in(provider, entra)


@pytest.mark.parametrize("issuer", ["{base}/common/v2.0", "{base}/one000-1111-2222/v2.0"])
async def test_the_document_must_name_the_template(provider, entra, issuer):
    entra.wrongs.discovery = {"issuer": issuer.replace("{base}", entra.base)}

    with pytest.raises(errors.IssuerMisconfiguredError):
        await begin_sign_in(provider, CALLBACK, "/")


async def test_a_session_stays_with_its_tenant(provider, entra, make_provider):
    entra.of(ONE)
    before = await sign_in(provider, entra)
    asked = (REFRESH_TOKEN, before.identity, before.tokens.id_token)

    entra.wrongs.claims = {**entra.wrongs.claims, "nonce": None}
    assert (await refresh(provider, *asked)).identity.issuer == before.identity.issuer
    entra.wrongs.tokens = {"id_token": None}
    for id_token in (before.tokens.id_token, None):
        after = await refresh(provider, REFRESH_TOKEN, before.identity, id_token)
        assert after.identity.issuer == before.identity.issuer

    entra.wrongs = Wrongs()
    entra.of(TWO)
    entra.wrongs.claims["nonce"] = None
    with pytest.raises(errors.SubjectMismatchError):
        await refresh(provider, *asked)
    without = make_provider(issuer=entra.issuer, tenants=(TWO,))
    with pytest.raises(errors.IssuerMismatchError, match="not listed any more"):
        await refresh(without, *asked)


async def test_a_session_ends_when_its_tenant_is_removed(provider, entra, make_provider):
    entra.of(ONE)
    found = await sign_in(provider, entra)
    session = replace(
        make_session(new_ticket(lambda n: b"x" * n)),
        provider="hostile",
        identity=found.identity,
        tokens=kept_tokens(found.tokens),
    )
    without = make_provider(issuer=entra.issuer, tenants=(TWO,))

    assert await Refreshes({"hostile": without}).ask(session) == Over("issuer-mismatch")


@pytest.mark.parametrize(
    ("tenants", "named", "issuer"),
    [
        ((ONE, TWO), f"https://id/{TWO}", f"https://id/{TWO}"),
        ((ONE,), f"https://id/{TWO}", "https://id/{tenantid}"),
        ((), "https://other", "https://id/{tenantid}"),
    ],
)
def test_the_issuer_of_a_token_counts_where_tenants_are_listed(tenants, named, issuer):
    registration = Registration("p", "https://id/{tenantid}", "c", tenants=tenants)

    assert registration.issuer_in({"iss": named}) == issuer
