"""Keycloak as it is when nobody has changed its defaults: offline sessions, roles, resources."""

from datetime import UTC, datetime, timedelta

import pytest
import requests

from tests.patience import until
from tests.providers.keycloak import REALM

pytestmark = pytest.mark.parametrize("kind", ["keycloak"], indirect=True, scope="session")
OFFLINE = ["openid", "profile", "email", "offline_access"]


async def signed_in(world):
    status, text = await world.alice.sign_in()
    assert status == 302, (text, world.gateway.log())
    return await world.alice.whoami()


@pytest.mark.parametrize(("profile", "roles"), [("keycloak", True), ("generic", False)])
async def test_its_default_mappers_put_roles_in_the_access_token_alone(start, profile, roles):
    world = await start(profile=profile, claims={"roles": "/realm_access/roles"})

    who = await signed_in(world)

    assert ("staff" in who["roles"]) is roles


async def test_an_offline_session_outlives_a_sign_out_at_keycloak(start, provider):
    """Only an offline session is kept then, which gets no logout token."""
    world = await start(scopes=OFFLINE)
    await signed_in(world)

    await provider.sign_out_there(world.alice.there)

    assert await is_refreshed(world)
    assert "/_gatepost/backchannel-logout/" not in world.gateway.log()


async def test_without_that_scope_a_sign_out_at_keycloak_ends_the_session(start, provider):
    world = await start()
    await signed_in(world)

    await provider.sign_out_there(world.alice.there)

    await until(lambda: "id ended 1 sessions" in world.gateway.log())
    assert await world.alice.whoami() == {}


async def test_an_administrators_sign_out_ends_an_offline_session_at_its_refresh(start, provider):
    world = await start(scopes=OFFLINE)
    await signed_in(world)
    # Keycloak counts whole seconds: a token of the same second would not be stale.
    signed_in_by = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    await until(lambda: datetime.now(UTC) >= signed_in_by)

    await provider.end_sessions(world.alice.there)

    async def is_over():
        await world.alice.get()
        return "is over: refresh-refused" in world.gateway.log()

    async def signed_out():
        return await world.alice.whoami() == {}

    await until(is_over)
    assert "id ended 1 sessions" not in world.gateway.log()
    # The line comes a moment before the end.
    await until(signed_out)


async def is_refreshed(world):
    async def is_counted():
        assert await world.alice.get() == 200
        return 'gatepost_session_refreshes_total{outcome="success"' in world.gateway.metrics()

    await until(is_counted)
    return True


async def test_without_the_role_offline_access_nobody_signs_in_with_that_scope(start, provider):
    user = f"/admin/realms/{REALM}/users/{provider.id_of('alice')}/role-mappings/realm"
    default = provider.admin("GET", f"/admin/realms/{REALM}/roles/default-roles-{REALM}")
    provider.admin("DELETE", user, [default])
    try:
        world = await start(scopes=OFFLINE)
        status, page = await world.alice.sign_in()
    finally:
        provider.admin("POST", user, [default])

    assert (status, "code-refused" in page) == (400, True), page
    assert "Offline tokens not allowed" in world.gateway.log()


async def test_a_registered_clients_resource_is_no_audience_until_a_mapper_adds_it(start, provider):
    """Keycloak leaves out the parameter of RFC 8707, which MCP clients send."""
    audience = provider.place.origin
    world = await start(more={"bearer": [{"issuer": provider.issuer, "audiences": [audience]}]})
    client = registered(provider)

    before = await ask(world, token_for(provider, client, audience))
    add_audience(provider, client, audience)
    after = await ask(world, token_for(provider, client, audience))

    assert before[0] == 401
    assert "audience" in before[1].lower()
    assert after[0] == 200


def registered(provider):
    """A client that registers itself (RFC 7591), with a token that an administrator gave it."""
    path = f"/admin/realms/{REALM}/clients-initial-access"
    allowed = provider.admin("POST", path, {"count": 1, "expiration": 600})["token"]
    answer = requests.post(
        f"{provider.issuer}/clients-registrations/openid-connect",
        json={"client_name": "tool", "grant_types": ["client_credentials"]},
        headers={"Authorization": f"Bearer {allowed}"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def token_for(provider, client, resource):
    form = {"grant_type": "client_credentials", "resource": resource}
    answer = requests.post(
        f"{provider.issuer}/protocol/openid-connect/token",
        data=form,
        auth=(client["client_id"], client["client_secret"]),
        timeout=60,
    )
    assert answer.ok, answer.text
    return answer.json()["access_token"]


def add_audience(provider, client, audience):
    path = f"/admin/realms/{REALM}/clients"
    (found,) = provider.admin("GET", f"{path}?clientId={client['client_id']}")
    mapper = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": audience, "access.token.claim": "true"},
    }
    provider.admin("POST", f"{path}/{found['id']}/protocol-mappers/models", mapper)


async def ask(world, token):
    headers = {"Authorization": f"Bearer {token}"}
    async with world.alice.here.get(f"{world.alice.origin}/page", headers=headers) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(("scopes", "level"), [(None, "ok"), (OFFLINE, "warning")])
async def test_the_report_advises_against_an_offline_session(start, scopes, level):
    world = await start(scopes=scopes)

    found = [it for it in world.report()["findings"] if it["topic"] == "refresh"]

    assert [it["level"] for it in found] == [level]
