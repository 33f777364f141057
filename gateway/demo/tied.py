"""`gatepost` that ends with the process at the other end of its standard input.

Even a demo that is killed leaves no gateway behind: the end of the pipe is noticed, on every
system, without anything that the demo would have to do.
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
