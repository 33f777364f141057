"""Public suites of hostile messages: one clean message reaches the other side, or none."""

import asyncio
import re
from pathlib import Path

import httptools
import pytest
import yaml

from tests.dataplane.harness import HOST

DATA = Path(__file__).parents[3] / "shared" / "data" / "http1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: " + HOST + b"\r\n\r\n"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")

METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "REPORT"}
_BLOCK = re.compile(r'<!-- meta=\{"type": "([a-z-]+)".*?-->\s*```http\n(.*?)```', re.DOTALL)


def _unescape(text: str) -> bytes:
    """The bytes a block of llhttp's suite stands for."""
    text = re.sub(r"\\\n", "", text.removesuffix("\n"))
    raw = text.encode().replace(b"\n", b"\r\n")
    names = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"f": b"\f"}
    raw = re.sub(rb"\\([rntf])", lambda m: names[m[1]], raw)
    return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), raw)


def llhttp_messages(kind: str) -> list[bytes]:
    found = []
    for path in sorted((DATA / "llhttp").glob("*.md")):
        for of, text in _BLOCK.findall(path.read_text()):
            if of.startswith(kind):
                found.append(_unescape(text))
    return found


def guardian_requests() -> list[bytes]:
    found = []
    for path in sorted((DATA / "desync-guardian").glob("*.yaml")):
        for case in yaml.safe_load(path.read_text()) or []:
            lines = [f"{case.get('method')} {case.get('uri')} {case.get('version')}"]
            lines += [f"{h['name']}: {h.get('value') or ''}" for h in case.get("headers") or []]
            head = "\r\n".join(lines).encode("utf-8", "surrogateescape")
            found.append(head + b"\r\n\r\n")
    return found


def is_beyond_the_judge(raw: bytes) -> bool:
    """Whether llhttp refuses what is well-formed: methods it does not know, bytes beyond ASCII."""
    line = raw.partition(b"\r\n")[0]
    method = line.partition(b" ")[0].decode("latin-1")
    unknown = re.fullmatch("[A-Za-z-]+", method) is not None and method not in METHODS
    return unknown or not line.isascii()


def variants(raw: bytes) -> list[bytes]:
    """`raw` as it is, and so that its host is served: what is refused must be so for itself."""
    served = re.sub(rb"(?im)^host:[^\r\n]*", b"Host: " + HOST, raw)
    if b"Host: " + HOST not in served:
        served = served.replace(b"\r\n", b"\r\nHost: " + HOST + b"\r\n", 1)
    bodies = (b"", b"5\r\nhello\r\n0\r\n\r\n")
    return [raw, *[served + body + SMUGGLED for body in bodies], served]


class Counting:
    """Counts the messages a strict parser finds."""

    def __init__(self) -> None:
        self.whole = 0

    def on_message_complete(self) -> None:
        self.whole += 1


async def test_of_every_hostile_request_one_clean_one_reaches_the_app_or_none(
    raw_upstream, gateway
):
    received: list[bytes] = []
    whole = 0

    async def handle(connection):
        nonlocal whole
        seen, raw = Counting(), b""
        parser = httptools.HttpRequestParser(seen)
        try:
            while data := await connection.reader.read(65536):
                raw += data
                before = seen.whole
                parser.feed_data(data)
                whole += seen.whole - before
                await connection.send(OK * (seen.whole - before))
        except httptools.HttpParserUpgrade:
            whole += 1
        except httptools.HttpParserError as error:
            received.append(raw + repr(error).encode())

    upstream = await raw_upstream(handle)
    running = await gateway(upstream.url)
    limit = asyncio.Semaphore(32)
    answered = 0

    async def send(raw: bytes) -> None:
        nonlocal answered
        async with limit:
            client = await running.client()
            await client.send(raw)
            client.writer.write_eof()
            got = await client.rest()
            client.close()
            answered += got.count(b"HTTP/1.1 200 OK\r\n")
            assert got.count(b"HTTP/1.1 5") <= 1

    found = llhttp_messages("request") + guardian_requests()
    messages = [v for raw in found if not is_beyond_the_judge(raw) for v in variants(raw)]
    assert len(messages) > 800
    await asyncio.gather(*[send(raw) for raw in messages])
    assert received == []
    assert answered > 50
    assert whole >= answered
