"""The body an app reads is the body that was sent, however it was cut."""

import hashlib

from tests.readers.conftest import CASES, World, is_own, seen_by_app
from tests.readers.readers import WITHOUT_CHUNKS

SIZES = (0, 1, 2, 100, 4095, 4096, 65_535, 65_537, 300_000)


def chunked(chance, body):
    """`body` in chunks, most of them tiny."""
    out = b""
    while body:
        size = chance.choice((1, 2, 3, 17, 1000, 60_000))
        piece, body = body[:size], body[size:]
        out += b"%x\r\n" % len(piece) + piece + b"\r\n"
        # So that a large body is not a hundred thousand chunks.
        if len(out) > 10_000:
            out += b"%x\r\n" % len(body) + body + b"\r\n" if body else b""
            break
    return out + b"0\r\n\r\n"


async def test_the_app_reads_the_body_that_was_sent(world: World):
    chance = world.chance
    bodies = [chance.randbytes(chance.choice(SIZES)) for _ in range(max(CASES // 10, 40))]
    may_chunk = world.reader not in WITHOUT_CHUNKS
    in_chunks = [may_chunk and chance.random() < 0.5 for _ in bodies]
    sent = [
        world.make("/", "Transfer-Encoding: chunked", method="POST", body=chunked(chance, body))
        if chunks
        else world.make("/", f"Content-Length: {len(body)}", method="PUT", body=body)
        for body, chunks in zip(bodies, in_chunks, strict=True)
    ]

    answers = await world.ask(*sent)

    for one, answer, body in zip(sent, answers, bodies, strict=True):
        seen = seen_by_app(answer)
        assert seen is not None, f"{answer}; the app wrote: {world.output()}"
        assert is_own(answer, one)
        assert seen["length"] == len(body)
        assert seen["digest"] == hashlib.sha256(body).hexdigest()
