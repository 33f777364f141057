"""A gateway whose clock jumps: nobody is signed out early, nobody stays for ever."""

import time

import pytest

from gateway.assembly.worker import Gateway
from gateway.settings.load import load
from tests.e2e.people import Browser
from tests.e2e.signed_in import OK, ask
from tests.fixtures.gateway import dump, with_defaults
from tests.fixtures.network import take_free_port

HOUR_S = 3600.0


class Clock:
    """The machine's, set forward or back by so many seconds."""

    ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s  # noqa: TID251 - what is measured against


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "redis"])
def store(request):
    if request.param == "sqlite":
        return "sqlite"
    return f"{request.getfixturevalue('redis_server').url}?prefix=clock-{take_free_port()}"


@pytest.fixture
async def signed_in(clock, store, tmp_path, raw_upstream, demo_provider):
    """How a gateway answers to a session; its idle time-out is eight hours, the limit a week."""
    upstream = await raw_upstream(OK)
    origin = f"http://127.0.0.1:{take_free_port()}"
    redirect = f"{origin}/_gatepost/callback/oidc"
    provider = demo_provider({"client_id": "notes", "redirect_uris": [redirect]})
    config = tmp_path / "gatepost.yaml"
    settings = {
        "server": {"listen": origin.removeprefix("http://")},
        "store": store,
        "upstreams": {"app": upstream.url},
        "providers": {"oidc": {"issuer": provider.issuer, "client_id": "notes"}},
    }
    config.write_text(dump(with_defaults(settings, tmp_path)))
    gateway = Gateway(load(config, {}).settings, clock=clock)
    await gateway.start()
    async with Browser(origin) as person:
        assert (await person.sign_in("alice"))[0] in (302, 303)
        cookie = person.cookies()["gatepost"].value

        async def status():
            return (await ask(cookie, "GET", f"{origin}/page", origin))[0]

        yield status, person
    await gateway.stop()


async def test_a_clock_that_jumps_ends_no_session_early(signed_in, clock):
    status, _ = signed_in
    # At most 7.9 hours after the earliest use, whichever of them the store has by then.
    for ahead_s in (0, -HOUR_S, 0, 6 * HOUR_S, 0, -60, 6.9 * HOUR_S):
        clock.ahead_s = ahead_s
        assert await status() == 200, ahead_s


@pytest.mark.parametrize("ahead_s", [15.5 * HOUR_S, 8 * 24 * HOUR_S, -2 * 24 * HOUR_S])
async def test_a_clock_that_jumps_past_a_limit_ends_the_session(signed_in, clock, ahead_s):
    status, person = signed_in
    clock.ahead_s = 7 * HOUR_S if ahead_s > 0 else 0
    assert await status() == 200
    clock.ahead_s = ahead_s
    # Back by more than a session may be idle counts too, or one could be made to last for ever.
    assert await status() == 401

    clock.ahead_s = 0
    assert (await person.sign_in("alice"))[0] in (302, 303)
    assert (await person.whoami())["user"]


async def test_signing_out_holds_whatever_the_clock_does(signed_in, clock):
    status, person = signed_in
    clock.ahead_s = -HOUR_S
    await person.sign_out()
    for ahead_s in (-HOUR_S, -86400, 0, HOUR_S, 86400):
        clock.ahead_s = ahead_s
        assert await status() == 401, ahead_s
