"""What the log shows of what anybody may have sent."""

import subprocess
import sys

import pytest

LOG = """
import logging, sys
from gateway.cli.logs import log_to_stderr
log_to_stderr()
log = logging.getLogger("gateway.x")
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
    done = subprocess.run(
        [sys.executable, "-c", LOG, text], capture_output=True, encoding="utf-8", timeout=30
    )

    first, second, third, *_ = done.stderr.split("\n")
    assert (first, second) == (f"WARNING gateway.x: from {shown}", "ERROR gateway.x: it failed")
    assert third == "Traceback (most recent call last):"
    assert done.stderr.endswith("ValueError: a defect\n")
