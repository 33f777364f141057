"""People link an identity to their local account, and nobody links one to another's.

At a real, certified provider, with a browser's cookies.
"""

from urllib.parse import urlencode

import aiohttp
import pytest
from argon2 import PasswordHasher

from gateway.accounts.desk import AccountDesk
from gateway.accounts.manager import load_accounts
from gateway.assembly.accounts import connect_sessions
from gateway.assembly.serving import clock as wall_clock
from gateway.credentials.local import local_of
from gateway.credentials.local_accounts import NewPerson, NoPasswordError
from gateway.endpoints.cookies import CookieRules
from gateway.endpoints.deps import Deps
from gateway.endpoints.fresh import FRESH_S
from gateway.endpoints.table import build_endpoints
from gateway.oidc.registration import ClaimNames
from gateway.record.journal import Journal
from gateway.sealing.sealer import Sealer
from gateway.sessions.all_sessions import AllSessions
from tests.endpoints.conftest import HOST, KEY_SET, Browser, local, location
from tests.fixtures.oidc import sign_in_at_oidc_provider

CALLBACK = f"https://{HOST}/_gatepost/callback/real"
ACCOUNT = "/_gatepost/account"
PASSWORD = "crumbly meteor anchovy"


class Turned:
    """The real clock, which can be turned on."""

    def __init__(self):
        self.ahead_s = 0.0

    def __call__(self):
        return wall_clock() + self.ahead_s


@pytest.fixture
def clock():
    return Turned()


class World:
    """The gateway's endpoints, its accounts, and browsers."""

    def __init__(self, accounts, deps, login):
        self.accounts = accounts
        self.deps = deps
        self.desk = AccountDesk(accounts)
        self.login = login
        self._endpoints = build_endpoints(deps)

    async def add(self, user):
        known = self.deps.local.accounts
        await known.add(*await known.ready(NewPerson(user), PASSWORD))

    async def browser(self, user=None):
        browser = Browser(self._endpoints, self.deps.clock)
        if user is not None:
            form = urlencode({"username": user, "password": PASSWORD})
            await browser.post("/_gatepost/sign-in", form.encode())
            assert (await browser.whoami())["user"] == user
        return browser

    async def subjects(self, user):
        return [it[1] for it in (await self.desk.find(user)).account.subjects[1:]]


@pytest.fixture
async def world(oidc_provider, add_provider, providers, sessions, apps, store, clock, request):
    client = oidc_provider.register(CALLBACK)
    add_provider(
        "real",
        issuer=oidc_provider.issuer,
        client_id=client.client_id,
        client_secret=client.client_secret,
        scopes=("openid", "profile", "email"),
        claims=ClaimNames(user=("preferred_username",)),
    )
    accounts = await load_accounts(store, Sealer((b"k" * 32,)), clock)
    every = AllSessions(sessions, apps)
    connect_sessions(accounts, every)
    sessions.read_accounts(accounts.facts)
    made = local_of(accounts, f"https://{HOST}", clock)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    made.hashes._make = lambda: cheap
    deps = Deps(
        providers=providers,
        sessions=sessions,
        all_sessions=every,
        cookies=CookieRules(**getattr(request, "param", {})),
        clock=clock,
        key_set=lambda: KEY_SET,
        store=store,
        journal=Journal(store, Sealer((b"j" * 32,)), clock),
        accounts=accounts,
        local=made,
    )
    # A login of its own, because the provider lives as long as the tests.
    yield World(accounts, deps, f"ann-{client.client_id}")
    made.hashes.close()


@pytest.fixture
async def there():
    """A browser at the provider, where it has cookies of its own."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def begin(browser):
    response = await browser.post(ACCOUNT, b"link=real")
    assert response.status == 303
    return location(response)


async def back(browser, there, login, away=None):
    """The path of the callback that the provider sends the browser to."""
    url = away or await begin(browser)
    return local(await sign_in_at_oidc_provider(there, url, login))


async def follow(browser, path, **how):
    return await browser.get(path, site="cross-site", **how)


def reason(response):
    return response.body.decode().split("<dt>Reason</dt><dd><code>")[1].split("<")[0]


async def test_after_linking_both_ways_lead_to_one_person(world, there):
    await world.add("ann")
    browser, other = await world.browser("ann"), await world.browser("ann")
    before, cookie = await browser.whoami(), browser.cookies["__Host-gatepost"]

    done = await follow(browser, await back(browser, there, world.login))

    assert (done.status, location(done)) == (302, ACCOUNT)
    assert browser.flow_cookies() == []
    # Nobody was signed in: the session is the one that was there.
    assert browser.cookies["__Host-gatepost"] == cookie
    assert (await browser.whoami())["provider"] == "local"
    assert await other.whoami() is None
    assert await world.subjects("ann") == [world.login]
    fresh = await world.browser()
    away = location(await fresh.get("/_gatepost/login/real?return_to=/a"))
    await follow(fresh, local(await sign_in_at_oidc_provider(there, away, world.login)))
    who = await fresh.whoami()
    assert (who["user"], who["account_id"], who["provider"]) == (
        "ann",
        before["account_id"],
        "real",
    )


async def test_then_the_password_is_retired_and_the_last_way_in_stays(world, there):
    await world.add("ann")
    browser = await world.browser("ann")
    page = (await browser.get(ACCOUNT)).body.decode()
    assert "Link real" in page
    assert "Remove my password" not in page
    assert (await browser.post(ACCOUNT, b"retire_password=1")).status == 409
    await follow(browser, await back(browser, there, world.login))
    other = await world.browser("ann")
    page = (await browser.get(ACCOUNT)).body.decode()
    unlink = page.split('name="unlink" value="')[1].split('"')[0]

    assert (await browser.post(ACCOUNT, b"retire_password=1")).status == 303

    assert await other.whoami() is None
    form = urlencode({"username": "ann", "password": PASSWORD})
    assert (await other.post("/_gatepost/sign-in", form.encode())).status == 401
    with pytest.raises(NoPasswordError):
        await world.deps.local.accounts.reset_token((await browser.whoami())["account_id"])
    page = (await browser.get(ACCOUNT)).body.decode()
    assert "old_password" not in page
    assert 'name="unlink"' not in page
    refused = await browser.post(ACCOUNT, f"unlink={unlink}".encode())
    assert (refused.status, "last way to sign in" in refused.body.decode()) == (409, True)
    assert await world.subjects("ann") == [world.login]


async def test_an_identity_is_unlinked_and_its_sessions_end(world, there):
    await world.add("ann")
    browser = await world.browser("ann")
    await follow(browser, await back(browser, there, world.login))
    linked = await world.browser()
    away = location(await linked.get("/_gatepost/login/real"))
    await follow(linked, local(await sign_in_at_oidc_provider(there, away, world.login)))
    assert (await linked.whoami())["user"] == "ann"
    page = (await browser.get(ACCOUNT)).body.decode()
    unlink = page.split('name="unlink" value="')[1].split('"')[0]

    assert (await browser.post(ACCOUNT, f"unlink={unlink}".encode())).status == 303

    assert await linked.whoami() is None
    assert await browser.whoami() is not None
    assert await world.subjects("ann") == []
    assert (await browser.post(ACCOUNT, f"unlink={unlink}".encode())).status == 303


@pytest.mark.parametrize("site", ["cross-site", "same-site", None])
async def test_a_page_of_another_site_begins_and_removes_nothing(world, site):
    await world.add("ann")
    browser = await world.browser("ann")
    for form in (b"link=real", b"retire_password=1", b"unlink=x"):
        response = await browser.post(ACCOUNT, form, site=site)
        assert (response.status, reason(response)) == (403, "cross-site")
    assert browser.flow_cookies() == []


async def test_no_parameter_makes_a_sign_in_a_link(world, there):
    await world.add("ann")
    for query in ("link=1", "link_session=x", "link=real&return_to=/_gatepost/account"):
        browser = await world.browser("ann")
        response = await browser.get(f"/_gatepost/login/real?{query}", site="cross-site")
        await follow(browser, await back(browser, there, world.login, location(response)))
        assert await world.subjects("ann") == []


async def test_the_callback_of_somebody_else_links_nothing(world, there):
    """An attacker sends a victim the end of a flow that signs in the attacker at the provider."""
    await world.add("ann")
    await world.add("eve")
    eve, ann = await world.browser("eve"), await world.browser("ann")
    callback = await back(eve, there, world.login)
    await follow(ann, callback)
    assert await world.subjects("ann") == await world.subjects("eve") == []

    # Even if the attacker can plant cookies, from a sibling domain.
    ann.cookies.update({name: eve.cookies[name] for name in eve.flow_cookies()})
    response = await follow(ann, callback)

    assert (response.status, reason(response)) == (403, "link-interrupted")
    assert await world.subjects("ann") == await world.subjects("eve") == []
    assert (await ann.whoami())["user"] == "ann"


@pytest.mark.parametrize(
    "how", ["signed out", "signed in again", "as another", "ended", "disabled"]
)
async def test_another_session_than_the_one_that_began_links_nothing(world, there, how):
    await world.add("ann")
    await world.add("bob")
    browser = await world.browser("ann")
    callback = await back(browser, there, world.login)
    session = browser.cookies.pop("__Host-gatepost")
    if how in ("signed in again", "as another"):
        user = "ann" if how == "signed in again" else "bob"
        browser.cookies |= (await world.browser(user)).cookies
    elif how == "ended":
        await world.deps.sessions.end(session)
        browser.cookies["__Host-gatepost"] = session
    elif how == "disabled":
        await world.desk.set_disabled("ann", True)
        browser.cookies["__Host-gatepost"] = session

    response = await follow(browser, callback)

    assert (response.status, reason(response)) == (403, "link-interrupted")
    assert await world.subjects("ann") == await world.subjects("bob") == []


async def test_an_old_sign_in_is_confirmed_first(world, there, clock):
    await world.add("ann")
    browser = await world.browser("ann")
    callback = await back(browser, there, world.login)
    clock.ahead_s = FRESH_S + 1

    for form in (b"link=real", b"retire_password=1", b"unlink=x"):
        response = await browser.post(ACCOUNT, form)
        assert response.status == 403
        assert "/_gatepost/login/local?max_age=300" in response.body.decode()
    response = await follow(browser, callback)
    assert (response.status, reason(response)) == (403, "sign-in-too-old")
    assert await world.subjects("ann") == []


async def test_the_identity_of_another_account_stays_there(world, there):
    await world.add("ann")
    stranger = await world.browser()
    away = location(await stranger.get("/_gatepost/login/real"))
    await follow(stranger, local(await sign_in_at_oidc_provider(there, away, world.login)))
    owner = (await stranger.whoami())["account_id"]
    browser = await world.browser("ann")

    response = await follow(browser, await back(browser, there, world.login))

    assert (response.status, reason(response)) == (409, "subject-taken")
    assert await world.subjects("ann") == []
    assert (await stranger.whoami())["account_id"] == owner


async def test_a_callback_links_once(world, there):
    await world.add("ann")
    browser = await world.browser("ann")
    callback = await back(browser, there, world.login)
    kept = {name: browser.cookies[name] for name in browser.flow_cookies()}
    await follow(browser, callback)
    subject = (world.deps.providers["real"].registration.issuer, world.login)
    await world.desk.unlink(subject)

    await follow(browser, callback)
    browser.cookies.update(kept)
    # The provider takes a code once.
    assert (await follow(browser, callback)).status in (400, 403, 502)
    assert await world.subjects("ann") == []


async def test_a_refusal_at_the_provider_links_nothing_and_keeps_the_session(world, there):
    await world.add("ann")
    browser = await world.browser("ann")
    state = (await begin(browser)).split("state=")[1].split("&")[0]

    issuer = world.deps.providers["real"].registration.issuer
    query = urlencode({"error": "access_denied", "iss": issuer})
    response = await follow(browser, f"/_gatepost/callback/real?state={state}&{query}")

    assert response.status == 403
    assert browser.flow_cookies() == []
    assert (await browser.whoami())["user"] == "ann"


async def test_people_of_a_provider_link_nothing(world, there):
    browser = await world.browser()
    away = location(await browser.get("/_gatepost/login/real"))
    await follow(browser, local(await sign_in_at_oidc_provider(there, away, world.login)))
    assert (await browser.whoami())["user"] == world.login

    assert "Link real" not in (await browser.get(ACCOUNT)).body.decode()
    assert (await browser.post(ACCOUNT, b"link=real")).status == 400


async def test_a_provider_that_is_gone_is_not_linked(world):
    await world.add("ann")
    browser = await world.browser("ann")
    assert (await browser.post(ACCOUNT, b"link=other")).status == 404


@pytest.mark.parametrize("world", [{"same_site": "strict"}], indirect=True)
async def test_a_cookie_that_the_browser_keeps_back_is_asked_for_by_a_page(world, there):
    await world.add("ann")
    browser = await world.browser("ann")
    callback = await back(browser, there, world.login)
    held = browser.cookies.pop("__Host-gatepost")

    page = await follow(browser, callback)

    assert (page.status, dict(page.fields)["Refresh"]) == (200, f"0; url={callback}")
    browser.cookies["__Host-gatepost"] = held
    assert (await browser.get(callback, site="same-origin")).status == 302
    assert await world.subjects("ann") == [world.login]


@pytest.fixture
def revoked(world, oidc_provider, add_provider):
    """The tokens revoked at the provider, which now gives refresh tokens."""
    client = oidc_provider.register(CALLBACK, scope="openid profile email offline_access")
    real = add_provider(
        "real",
        issuer=oidc_provider.issuer,
        client_id=client.client_id,
        client_secret=client.client_secret,
        scopes=("openid", "profile", "email", "offline_access"),
        authorize_params={"prompt": "consent"},
    )
    revoke, tokens = real.revoke, []

    async def noted(token, *rest):
        await revoke(token, *rest)
        tokens.append(token)

    real.revoke = noted
    return tokens


async def test_the_refresh_token_of_a_link_is_revoked(world, there, revoked):
    await world.add("ann")
    browser = await world.browser("ann")

    await follow(browser, await back(browser, there, world.login))

    assert await world.subjects("ann") == [world.login]
    assert len(revoked) == 1


async def test_the_refresh_token_of_a_link_that_is_refused_is_revoked_too(world, there, revoked):
    await world.add("ann")
    stranger = await world.browser()
    away = location(await stranger.get("/_gatepost/login/real"))
    await follow(stranger, local(await sign_in_at_oidc_provider(there, away, world.login)))
    assert revoked == []
    browser = await world.browser("ann")

    response = await follow(browser, await back(browser, there, world.login))

    assert (response.status, reason(response)) == (409, "subject-taken")
    assert len(revoked) == 1
