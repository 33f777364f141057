"""`gatepost` that exits when the process at the other end of its standard input does.

So even a demo that is killed leaves no gateway running: every system closes the pipe, without any
action by the demo.
"""

import os
import runpy
import signal
import threading


def _end_with_input() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_input, daemon=True).start()
    runpy.run_module("gateway", run_name="__main__")
