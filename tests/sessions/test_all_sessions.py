"""Sessions of browsers and apps, listed page by page."""

import pytest

from gateway.sessions.all_sessions import AllSessions, token_store


@pytest.fixture
async def every(make_manager, store, sign_in):
    """Sessions of browsers and of apps: ``every = await every(browsers=3, apps=4)``."""

    async def make(browsers, apps):
        managers = await make_manager(), await make_manager(over=token_store(store))
        for manager, number in zip(managers, (browsers, apps), strict=True):
            for each in range(number):
                await sign_in(manager, f"user-{each}")
        return AllSessions(*managers)

    return make


@pytest.mark.parametrize("browsers", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("apps", [0, 1, 2, 5])
async def test_every_session_is_on_one_page(every, browsers, apps):
    sessions = await every(browsers, apps)
    seen, after, sizes = [], "", []
    while after is not None:
        found, after = await sessions.page(after, 2)
        seen += [it.session_id for it in found]
        sizes.append(len(found))

    assert len(seen) == len(set(seen)) == browsers + apps
    assert set(seen) == {it.session_id for it in await sessions.list_all()}
    assert max(sizes) <= 2


async def test_a_page_has_no_session_that_is_over(every, clock):
    sessions = await every(3, 2)
    [one, *_] = (await sessions.page("", 50))[0]
    assert await sessions.find(one.session_id) == [one]
    clock.now += 9 * 3600

    assert await sessions.page("", 50) == ([], None)
    assert await sessions.find(one.session_id) == []
    assert await sessions.find("0" * 64) == []
