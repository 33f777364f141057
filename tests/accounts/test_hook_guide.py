"""The code that the guide gives app developers accepts what the hook sends, and nothing else."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from gateway.accounts.hook_event import decode_answer, encode_event
from gateway.accounts.hooks import HookAnswer, HookEvent, Hooks
from gateway.accounts.http_hook import signature
from gateway.assembly.serving import clock
from gateway.errors import HookFailedError
from gateway.model import Identity
from gateway.settings.accounts import HookSettings
from tests.fixtures.processes import require_tool

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "just-in-time-users.md"
SECRET = "a-secret-of-thirty-two-bytes-or-more"
ALICE = Identity(
    user="alice",
    subject="1",
    issuer="https://id.example.com",
    credential="session",
    name="Алиса",
    claims={"bio": "x" * 100_000},
)
CREATE = HookEvent("create", "a1", ALICE)

SERVER = """
import { createServer } from "node:http";
import { isFromGatepost } from "./verify.mjs";
createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const signature = request.headers["gatepost-signature"];
  const isOurs = isFromGatepost(process.argv[2], signature, Buffer.concat(parts));
  response.statusCode = isOurs ? 204 : 403;
  response.end();
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });
"""


def code(language):
    return re.search(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)[1]


@pytest.fixture
async def python_app(aiohttp_server):
    written = {}
    exec(code("python"), written)

    async def handle(request):
        found = request.headers.get("Gatepost-Signature", "")
        is_ours = written["is_from_gatepost"](SECRET.encode(), found, await request.read())
        return web.Response(status=204 if is_ours else 403)

    application = web.Application(client_max_size=2**22)
    application.router.add_post("/users", handle)
    return str((await aiohttp_server(application)).make_url("/users"))


@pytest.fixture
async def node_app(tmp_path):
    (tmp_path / "verify.mjs").write_text(code("js"))
    (tmp_path / "server.mjs").write_text(SERVER)
    node = await asyncio.create_subprocess_exec(
        require_tool("node"), tmp_path / "server.mjs", SECRET, stdout=asyncio.subprocess.PIPE
    )
    port = int(await node.stdout.readline())
    yield f"http://127.0.0.1:{port}/users"
    node.terminate()
    await node.wait()


@pytest.fixture(params=["python", "node"])
def app_url(request):
    return request.getfixturevalue(f"{request.param}_app")


async def run(url, secret=SECRET, now=clock):
    hook = {"http": {"url": url, "secret": secret}}
    hooks = Hooks([HookSettings.model_validate(hook)], now)
    try:
        return await hooks.run(CREATE)
    finally:
        await hooks.close()


async def test_the_call_is_accepted(app_url):
    assert await run(app_url) == HookAnswer()


@pytest.mark.parametrize("off_s", [-400, 400])
async def test_a_call_of_another_time_is_refused(app_url, off_s):
    with pytest.raises(HookFailedError, match="the answer is 403"):
        await run(app_url, now=lambda: clock() + off_s)


async def test_a_call_with_another_secret_is_refused(app_url):
    with pytest.raises(HookFailedError, match="the answer is 403"):
        await run(app_url, secret=SECRET.swapcase())


@pytest.mark.parametrize(
    "field",
    [
        None,
        "",
        "x",
        "t=,v1=",
        "{ours},v1=0",
        "{ours}\t0",
        "{OURS}",
        "t=0,{ours}",
        "t=99999999999999999999,v1=" + "0" * 64,
        "t=\u0661,v1=" + "0" * 64,
    ],
)
async def test_a_field_that_is_none_of_ours_is_refused(app_url, http_status, field):
    ours = signature(SECRET, b"{}", clock())
    sent = field and field.replace("{ours}", ours).replace("{OURS}", ours.upper())

    assert await http_status(app_url, sent) == 403
    assert await http_status(app_url, ours) == 204


@pytest.fixture
async def http_status():
    async with ClientSession() as session:

        async def post(url, field):
            fields = {} if field is None else {"Gatepost-Signature": field}
            async with session.post(url, data=b"{}", headers=fields) as response:
                return response.status

        yield post


def test_the_examples_of_the_guide_are_what_is_sent_and_read():
    sent, answered = re.findall(
        r"^```json\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE
    )
    assert json.loads(sent).keys() == json.loads(encode_event(CREATE)).keys()
    assert decode_answer(answered.encode()) == HookAnswer("7", ("editor",))
