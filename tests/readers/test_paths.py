"""No app is led to a path that was not the one decided on."""

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from yarl import URL

from gateway.errors import AmbiguousPathError, MalformedRequestError
from gateway.message.target import parse_target
from tests.fixtures.fuzzing import made_up
from tests.fixtures.processes import require_tool
from tests.readers.conftest import CASES, World, is_own

# What leads somewhere, and what servers read in ways of their own.
NAMES = ("admin", "secret", "x", "a", "admin/s", "x/admin", "pub", "%61dmin", "secre%74", "Admin")
MARKS = (
    *("/", "//", "///", "\\", "/\\", "\\/", "/.", "/..", "/./", "/../", "/..;/", "/.%2e/", "%2e"),
    *("%2f", "%2F", "%5c", "%5C", "%2f%2f", "%252f", "%2e%2e", ";", ";a=b", "%3b", ":", "@", ":80"),
    *("%09", "%0a", "%0d", "%00", "%20", "%7f", "%u002f", "%c0%af", "%ef%bc%8f", "%ff", "%", "%%"),
    *("?", "%3f", "%23", "*", "[", "]", "|", "^", "..", "...", "+", "&", "=", "\u00e9", "\uff0f"),
)
AUTHORITIES = (
    "",
    "x",
    "x:80",
    "u@x",
    "u:p@x:80",
    "[::1]",
    "127.0.0.1",
    "x.",
    "%78",
    "..",
    ".",
    ";",
)
KNOWN = (
    *("///x/admin", "/////x/admin", "/\\/x/admin", "/\\\\x/admin", "///x:80/secret"),
    *("///u@x/secret", "//x/admin", "/x//admin", "/%09/x/admin", "/.//x/admin", "/x/..//y/admin"),
)


def make_target(chance):
    """A target that leads to what is denied in somebody's reading, more often than not."""
    kind = chance.random()
    if kind < 0.02:
        return chance.choice(KNOWN).encode()
    if kind < 0.35:
        slashes = "".join(chance.choice("//\\") for _ in range(chance.randint(1, 5)))
        start = "/" + slashes + chance.choice(AUTHORITIES) + chance.choice(MARKS[:5])
    else:
        start = "/"
    parts = [chance.choice(chance.choice((NAMES, MARKS))) for _ in range(chance.randint(1, 6))]
    end = chance.choice(("", "", "", "?q=/admin", "?a\\b", "/"))
    return (start + "".join(parts) + end).encode()


def gateways_readings(raw):
    """How the gateway says `raw` may be read, or None where it refuses it whatever its rules."""
    try:
        return parse_target(raw).readings
    except (AmbiguousPathError, MalformedRequestError):
        return None


def decoded(path):
    """`path` as an app has it: its escapes decoded, bytes that are no UTF-8 replaced."""
    return unquote_to_bytes(path.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def read_by_node(targets):
    """The path of each by WHATWG's parser, or None where it is no URL: `new URL(…).pathname`."""
    lines = "".join(json.dumps(raw.decode("latin-1")) + "\n" for raw in targets)
    done = subprocess.run(
        [require_tool("node"), Path(__file__).parent / "apps" / "urls.mjs"],
        input=lines.encode(),
        capture_output=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_by_urlsplit(targets):
    """The path of each by Python's parser, or None where it is no URL."""
    return [path_or_none(raw, lambda text: urlsplit(text).path) for raw in targets]


def read_by_yarl(targets):
    """The path of each by aiohttp's parser, or None where it is no URL."""
    return [path_or_none(raw, lambda text: URL(text).raw_path) for raw in targets]


def path_or_none(raw, read):
    try:
        return read(raw.decode("latin-1"))
    except ValueError:
        return None


def listed(path, readings):
    """Whether `path` is among `readings`, or is but for empty segments, which no route has."""
    merged = {re.sub("/+", "/", reading) for reading in readings}
    return path in readings or re.sub("/+", "/", f"/{path}") in merged


def test_whatever_url_parser_an_app_has_its_reading_is_listed():
    targets = list(made_up(make_target))
    taken = [(raw, known) for raw in targets if (known := gateways_readings(raw)) is not None]
    assert len(taken) > len(targets) / 4

    missed = [
        (read.__name__, raw, decoded(path), known)
        for read in (read_by_node, read_by_urlsplit, read_by_yarl)
        for (raw, known), path in zip(taken, read([raw for raw, _ in taken]), strict=True)
        if path is not None and not listed(decoded(path), known)
    ]
    assert missed[:20] == []


async def test_no_app_reads_a_path_that_is_denied(world: World):
    """What the app reads is checked by `world`."""
    sent = [world.make(make_target(world.chance).decode()) for _ in range(2 * CASES)]

    answers = await world.ask(*sent)

    assert [one for one, answer in zip(sent, answers, strict=True) if not is_own(answer, one)] == []
    # Else nothing was proven.
    assert len(world.seen()) > CASES / 10
