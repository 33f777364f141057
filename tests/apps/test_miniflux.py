"""Programs at Miniflux's own API, with a name and password of Miniflux's."""

import pytest

from tests.apps.on_demand import ADMIN_OF_MINIFLUX

pytestmark = pytest.mark.parametrize("behind", ["miniflux"], indirect=True, scope="session")


async def test_miniflux_judges_its_own_passwords(world):
    right = world.visitor(name="admin", key=ADMIN_OF_MINIFLUX)
    wrong = world.visitor(name="admin", key="wrong")

    told = await right.ask("GET", "/v1/me", headers={"Remote-User": "mallory"})
    refused = await wrong.ask("GET", "/v1/me")

    assert (told.status, told.json()["username"]) == (200, "admin")
    assert refused.json() == {"error_message": "access unauthorized"}


async def test_a_program_without_a_password_is_asked_for_one(world):
    answer = await world.visitor().ask("GET", "/v1/me")

    assert (answer.status, answer.headers["WWW-Authenticate"][:5]) == (401, "Basic")


async def test_its_pages_take_no_password_of_its_own(world):
    program = world.visitor(name="admin", key=ADMIN_OF_MINIFLUX)

    assert (await program.ask("GET", "/unread")).json()["reason"] == "unknown-credential"
