"""People of a real directory: refusals take as long as those of local accounts."""

from dataclasses import replace

import pytest
from argon2 import PasswordHasher

from gateway.accounts.manager import load_accounts
from gateway.credentials.directory_sign_in import kept_for, sign_in_by_directory
from gateway.credentials.local import local_of
from gateway.credentials.password_hashes import PasswordHashes
from gateway.credentials.password_throttle import WrongPasswordError
from gateway.ldap.directory import Directory
from gateway.sessions import Sealer
from gateway.sessions.refresh import NEVER, due_at
from gateway.settings.ldap import LdapSettings
from tests.fixtures.slapd import PASSWORD


@pytest.fixture
async def local(store, clock):
    waits = []

    async def note(wait_s):
        waits.append(wait_s)

    hashes = PasswordHashes(lambda: PasswordHasher(time_cost=1, memory_cost=64), note)
    accounts = await load_accounts(store, Sealer((b"s" * 32,)))
    found = local_of(accounts, "https://notes.example.com", clock)
    found.hashes.close()
    yield replace(found, hashes=hashes), waits
    hashes.close()


async def test_a_refusal_waits_for_the_next_moment_from_the_first_one_on(local, start_slapd):
    local, waits = local
    directory = Directory(LdapSettings.model_validate(start_slapd().settings()))

    for count, user in enumerate(("ann", "nobody", ""), start=1):
        with pytest.raises(WrongPasswordError):
            await sign_in_by_directory(directory, local, user, "wrong", 1000.5)
        assert len(waits) == count
    found = await sign_in_by_directory(directory, local, "ann", PASSWORD, 1000.5)

    assert len(waits) == 3
    assert (found.user, found.amr, found.acr, found.authenticated_at) == (
        "ann",
        ("pwd",),
        None,
        1000,
    )
    assert found.account_id is not None
    directory.close()


def test_a_session_is_looked_at_again_before_the_time_is_over_or_never():
    assert 1600 < due_at(kept_for(900.0, 1000.0)) < 1900
    assert due_at(kept_for(None, 1000.0)) == NEVER
    assert kept_for(900.0, 1000.0).access_token is None
