"""Giving memory that many clients held back to the system."""

import ctypes


def give_back() -> None:
    """Have the C library return what is free, with the time of some milliseconds.

    What a client has not read yet is held in pieces of up to 256,000 bytes, as uvloop reads them
    from an app.  Once one of them was freed, glibc takes all others from its heap (mallopt(3),
    M_MMAP_THRESHOLD), whose free pages stay with the process.  A fixed threshold would give them
    back at once, but each piece of each big answer would then cost a map and its page faults: four
    times the CPU time of a download.
    """
    if _trim is not None:
        _trim(0)


# Of glibc alone; musl's allocator gives such pieces back by itself.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
