"""What `gatepost doctor` says of apps, and of ways around the gateway."""

import asyncio
import socket

from tests.cli.doctor_command.run import OK, doctor
from tests.fixtures.network import take_free_port


async def app_at(host):
    """An app that listens at `host`."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        writer.close()

    server = await asyncio.start_server(answer, host, take_free_port())
    return server, server.sockets[0].getsockname()[1]


def own_address():
    """An address of this machine that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


async def test_an_app_that_listens_on_all_addresses(configured):
    own = own_address()
    server, port = await app_at("0.0.0.0")
    async with server:
        report = await doctor(
            configured(upstreams={"app": f"http://127.0.0.1:{port}"}, auth_mode="standalone"),
            "--only",
            "upstreams",
        )

    assert (report.level("upstream-answer"), report.status) == ("ok", 0)
    assert (
        f"answers without the gateway at {own}:{port}" in report.amiss("warning")["upstream-around"]
    )


async def test_an_app_that_listens_on_loopback_alone(configured, app_url):
    report = await doctor(
        configured(upstreams={"app": app_url}, auth_mode="standalone"), "--only", "upstreams"
    )

    assert report.level("upstream-around") == "ok"


async def test_another_server_on_the_port_of_the_app_is_not_the_app(configured, raw_upstream):
    own = own_address()
    app = await raw_upstream(OK)

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 301 Moved\r\nLocation: https://x/\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, own, app.port):
        report = await doctor(
            configured(upstreams={"app": app.url}, auth_mode="standalone"), "--only", "upstreams"
        )

    assert report.level("upstream-around") == "ok"


async def test_an_app_that_does_not_listen(configured, free_port):
    url = f"http://127.0.0.1:{free_port}"
    down = await doctor(
        configured(upstreams={"app": url}, auth_mode="standalone"), "--only", "upstreams"
    )
    asleep = await doctor(
        configured(upstreams={"app": {"url": url, "wake_timeout": "30s"}}, auth_mode="standalone"),
        "--only",
        "upstreams",
    )

    assert (down.status, down.level("upstream-answer")) == (1, "error")
    assert "connection refused" in down.one("upstream-answer")["says"]
    assert (asleep.status, asleep.level("upstream-answer")) == (0, "warning")


async def test_an_app_that_does_not_speak_http(configured, raw_upstream):
    app = await raw_upstream(b"220 mail.example.com ESMTP\r\n\r\n")

    report = await doctor(
        configured(upstreams={"app": app.url}, auth_mode="standalone"), "--only", "upstreams"
    )

    assert "not HTTP/1.1" in report.amiss("error")["upstream-answer"]
