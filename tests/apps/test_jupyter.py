"""A kernel of JupyterLab, over WebSocket."""

import uuid
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.patience import soon

pytestmark = pytest.mark.parametrize("behind", ["jupyter"], indirect=True, scope="session")


@asynccontextmanager
async def kernel_of(browser):
    """The channels of a new kernel, and their URL."""
    await browser.ask("GET", "/lab")
    token = {"X-XSRFToken": browser.cookie("_xsrf")}
    made = await browser.ask("POST", "/api/kernels", json={"name": "python3"}, headers=token)
    assert made.status == 201, made
    url = f"{browser.origin}/api/kernels/{made.json()['id']}/channels"
    async with browser.session.ws_connect(url, origin=browser.origin) as channels:
        yield channels, url


async def run(channels, code):
    """What `code` prints."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "version": "5.3"}
    about = {"username": "", "session": uuid.uuid4().hex, "date": "2026-01-01T00:00:00Z"}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    message = {"channel": "shell", "header": header | about, "content": content}
    await channels.send_json({**message, "parent_header": {}, "metadata": {}, "buffers": []})
    while True:
        got = await soon(channels.receive_json())
        if got["msg_type"] == "stream":
            return got["content"]["text"]


async def test_code_runs(world):
    alice = await world.signed_in("alice")

    async with kernel_of(alice) as (channels, _):
        assert await run(channels, "print(6 * 7)") == "42\n"


async def test_no_stranger_and_no_other_site_gets_a_kernel(world):
    alice = await world.signed_in("alice")

    async with kernel_of(alice) as (_, url):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await world.visitor().session.ws_connect(url, origin=world.origin)
        assert refused.value.status == 401
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await alice.session.ws_connect(url, origin="https://other.example.com")
        assert refused.value.status == 403


async def test_a_kernels_channels_end_with_the_session(world):
    alice = await world.signed_in("alice")

    async with kernel_of(alice) as (channels, _):
        await run(channels, "print()")
        await alice.sign_out()
        while (await soon(channels.receive())).type not in (
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.ERROR,
        ):
            pass
        assert channels.closed
