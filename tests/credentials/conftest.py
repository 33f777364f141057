"""API keys over a store in memory, with a clock that is turned by hand."""

import pytest

from gateway.accounts.manager import Accounts
from gateway.credentials.kept_keys import load_key_sealer
from gateway.credentials.key_cache import CachedKey
from gateway.credentials.keys import ApiKeys
from gateway.model import Identity
from gateway.sealing.sealer import Sealer
from tests.builders import SECRET

ALICE = Identity(
    user="alice",
    subject="s-alice",
    issuer="https://id.test",
    credential="session",
    provider="oidc",
    email="alice@example.com",
    groups=("staff",),
    roles=("editor",),
    account_id="a1",
    claims={"team": "blue", "huge": 2**70, "odd": "\ud800"},
    unreadable=frozenset({"address"}),
    session_id="s" * 64,
    acr="high",
    authenticated_at=5,
    access_token="at-secret",
    id_token="it-secret",
)


def recalled(keys, key, now):
    """The key, where this worker remembers it well enough to let it in."""
    found = keys.recall(key, now)
    return found if isinstance(found, CachedKey) else None


@pytest.fixture
async def make_worker(store, clock):
    """What one worker has of accounts and keys: ``accounts, keys = await make_worker()``.

    ALICE has signed in.
    """
    made = []

    async def make():
        accounts = Accounts(store, SECRET, lambda: "a1")
        sealer = await load_key_sealer(store, Sealer((SECRET,)))
        keys = ApiKeys(store, sealer, accounts, clock)
        await keys.start()
        await accounts.sign_in(ALICE)
        made.append(keys)
        return accounts, keys

    yield make
    store.down = False
    for keys in made:
        await keys.aclose()


@pytest.fixture
def make_keys(make_worker):
    """One worker's keys: ``keys = await make_keys()``."""

    async def make():
        return (await make_worker())[1]

    return make


@pytest.fixture
async def keys(make_keys):
    return await make_keys()


@pytest.fixture
def create(clock):
    """A key of `owner` in `keys`: ``text, record = await create(keys)``."""

    async def run(keys, owner=ALICE, **changes):
        wanted = {"name": "ci", "scopes": ["a"], "routes": [], "lifetime_s": 3600.0} | changes
        return await keys.create(owner, now=clock(), **wanted)

    return run
