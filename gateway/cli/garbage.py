"""When Python looks for garbage in cycles, which stops the process."""

import gc


def leave_while_starting() -> None:
    """Not while all is imported and built: that stays, and would be looked through many times."""
    gc.disable()


def collect_from_now_on() -> None:
    """Only among what comes from now on: looking through all there is would take some 50 ms."""
    gc.freeze()
    gc.enable()
