"""What the log shows of what anybody may have sent."""

import json
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime

import pytest

from tests.fixtures.processes import answers, wait_until
from tests.patience import PATIENCE_S

LOG = """
import logging, sys
from gateway.cli.logs import log_to_stderr
log_to_stderr()
log_to_stderr(*sys.argv[2:])
log = logging.getLogger("gateway.x")
logging.getLogger("other").info("noise")
log.debug("detail")
log.info("asked", extra={"request_id": "r-1"})
log.warning("from %s", sys.argv[1])
try:
    raise ValueError("a defect")
except ValueError:
    log.exception("it failed")
"""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a\nERROR gateway: forged", "a\\u000aERROR gateway: forged"),
        ("a\r\nb", "a\\u000d\\u000ab"),
        ("\x1b[31mred", "\\u001b[31mred"),
        ("a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\u0085d"),
        ("\u202egnp", "\\u202egnp"),
    ],
)
def test_nothing_in_a_message_makes_another_line(text, shown):
    first, second, third, fourth, *_, last = log_of(text).split("\n")

    assert first == "INFO gateway.x: r-1: asked"
    assert (second, third) == (f"WARNING gateway.x: from {shown}", "ERROR gateway.x: it failed")
    assert fourth == "Traceback (most recent call last):"
    assert last == "ValueError: a defect"


@pytest.mark.parametrize(
    ("level", "levels"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
@pytest.mark.parametrize("text", ["plain", "a\nb\r\u2028\x1b[31m\x7f\x85\u202e", 'a","b":"c\\'])
def test_json_is_one_object_a_line_all_in_printable_ascii(text, level, levels):
    lines = log_of(text, "json", level).split("\n")

    assert all(line.isascii() and line.isprintable() for line in lines)
    found = [json.loads(line) for line in lines]
    assert [it["level"] for it in found] == levels
    by_level = {it.pop("level"): it for it in found}
    assert by_level["error"].pop("error").endswith("ValueError: a defect")
    for it in found:
        datetime.strptime(it.pop("time"), "%Y-%m-%dT%H:%M:%S.%f%z")
    wanted = {
        "debug": {"logger": "gateway.x", "message": "detail"},
        "info": {"logger": "gateway.x", "message": "asked", "request_id": "r-1"},
        "warning": {"logger": "gateway.x", "message": f"from {text}"},
        "error": {"logger": "gateway.x", "message": "it failed"},
    }
    assert by_level == {name: wanted[name] for name in levels}


def test_a_name_no_encoding_has_is_logged_all_the_same():
    assert json.loads(log_of("a\udc80b", "json").split("\n")[1])["message"] == "from a?b"


def log_of(text, *settings):
    done = subprocess.run(
        [sys.executable, "-c", LOG, text, *settings],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    return done.stderr.removesuffix("\n")


async def test_the_log_is_json_from_the_first_line_and_changes_with_a_reload(
    gateway_process, raw_upstream
):
    upstream = await raw_upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    settings = {"upstreams": {"app": upstream.url}, "server": {"workers": 2}}
    gateway = gateway_process(settings, env={"GATEPOST_LOG__FORMAT": "json"})
    wait_until(lambda: answers(f"{gateway.admin_url}/readyz"), gateway.process, "both workers")
    ask_for_an_unknown_host(gateway)
    refused = gateway.wait_for_audit(reason="unknown-host")

    found = gateway.audit()
    assert len(found) == len(gateway.log().splitlines())
    logged = [it for it in found if it.get("request_id") == refused["request_id"]]
    assert [it.get("logger") for it in logged] == ["gateway.pipeline.refusals", None]
    assert logged[0]["message"].startswith("unknown-host: ")
    assert any(it.get("message", "").startswith("serving ") for it in found)

    text = gateway.config_path.read_text()
    gateway.config_path.write_text(text + "log: {level: error}\n")
    gateway.process.send_signal(signal.SIGHUP)
    # The last thing it says before it falls silent is no error.
    wait_until(lambda: silent(gateway), gateway.process, "a log of errors alone")


def silent(gateway):
    before = len(gateway.log().splitlines())
    ask_for_an_unknown_host(gateway)
    wait_until(
        lambda: any("unknown-host" in it for it in gateway.log().splitlines()[before:]),
        gateway.process,
        "the refusal",
    )
    return not any("logger" in it for it in gateway.log().splitlines()[before:])


def ask_for_an_unknown_host(gateway):
    request = urllib.request.Request(gateway.base_url, headers={"Host": "nowhere.example"})
    with pytest.raises(urllib.request.HTTPError, match="421"):
        urllib.request.urlopen(request, timeout=PATIENCE_S)
