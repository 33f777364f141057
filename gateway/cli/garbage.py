"""Controls Python's cyclic garbage collector, which pauses the process."""

import gc


def leave_while_starting() -> None:
    """Turn it off during startup, where it would scan long-lived objects again and again."""
    gc.disable()


def collect_from_now_on() -> None:
    """Turn it on for new objects only; scanning those from startup would take some 50 ms."""
    gc.freeze()
    gc.enable()
