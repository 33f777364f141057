"""Sign-ins on another device, in the store."""

import asyncio

import pytest

from gateway.authserver.devices import INTERVAL_S, LIFETIME_S, DeviceRequest, Devices
from gateway.sealing.sealer import Sealer

SECRET = b"only-for-tests-0123456789abcdef0123456789"


@pytest.fixture
def devices(store, clock):
    sealer = Sealer((SECRET,))
    return Devices(store, lambda: sealer, clock)


@pytest.fixture
def asked(clock):
    return DeviceRequest(
        issuer="https://notes.example.com/_gatepost",
        client="printer-of-the-office",
        scopes=("print",),
        resources=(),
        ip="192.0.2.7",
        device="the printer",
        asked_at=clock(),
    )


async def test_both_codes_lead_to_what_was_asked(devices, asked):
    device_code, user_code = await devices.issue(asked)

    for found in (
        await devices.by_device_code(device_code),
        await devices.by_user_code(user_code),
    ):
        assert (found.state, found.request) == ("asked", asked)
    assert await devices.by_device_code(user_code) is None
    assert await devices.by_user_code(device_code) is None


async def test_a_person_answers_once(devices, asked):
    device_code, user_code = await devices.issue(asked)
    found = await devices.by_user_code(user_code)

    assert await devices.answer(user_code, found, None)
    assert not await devices.answer(user_code, found, None)
    assert await devices.by_user_code(user_code) is None
    assert (await devices.by_device_code(device_code)).state == "denied"


@pytest.mark.parametrize(
    ("elapsed_s", "is_live"), [(LIFETIME_S - 0.1, True), (LIFETIME_S, False), (-3600, False)]
)
async def test_a_user_code_is_good_for_ten_minutes(devices, asked, clock, elapsed_s, is_live):
    _, user_code = await devices.issue(asked)
    clock.now += elapsed_s

    assert (await devices.by_user_code(user_code) is not None) is is_live


async def test_the_interval_grows_for_who_asks_too_early(devices, asked, clock):
    device_code, _ = await devices.issue(asked)
    found = await devices.by_device_code(device_code)

    async def is_early(after_s):
        clock.now += after_s
        return await devices.is_too_early(found)

    assert not await is_early(0)
    assert not await is_early(INTERVAL_S)
    assert await is_early(INTERVAL_S - 1)
    assert await is_early(INTERVAL_S)
    assert not await is_early(INTERVAL_S + 10)
    assert await is_early(INTERVAL_S + 9)


async def test_of_several_requests_at_once_one_is_in_time(devices, asked):
    device_code, _ = await devices.issue(asked)
    found = await devices.by_device_code(device_code)
    early = await asyncio.gather(*(devices.is_too_early(found) for _ in range(5)))
    assert early.count(False) == 1


async def test_a_copy_of_the_store_shows_no_code_and_no_name(devices, asked, store):
    device_code, user_code = await devices.issue(asked)
    found = await devices.by_device_code(device_code)
    await devices.is_too_early(found)

    keys = _keys(device_code, user_code)
    values = [await store.get(key) for key in keys]
    assert None not in values
    whole = b"".join([*map(str.encode, keys), *values])
    for secret in (device_code, user_code, asked.client, asked.ip, asked.device):
        assert secret.encode() not in whole
    # Another gateway's secret opens nothing.
    stranger = Sealer((b"another-secret-0123456789abcdef0123456789",))
    other = Devices(store, lambda: stranger, lambda: asked.asked_at)
    assert await other.by_device_code(device_code) is None
    assert await other.by_user_code(user_code) is None


def _keys(device_code, user_code):
    from gateway.authserver import devices as module

    # Private: where the records are is nobody else's business.
    device = module._device_key(device_code)
    return device, module._user_key(user_code), f"device-poll:{device}"
