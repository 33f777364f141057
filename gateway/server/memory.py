"""Gives memory that clients' buffers held back to the system."""

import ctypes


def give_back() -> None:
    """Make the C library return free memory; takes some milliseconds.

    Data that a client has not read yet is held in pieces of up to 256,000 bytes, the size that
    uvloop reads from an app.  Once such a piece is freed, glibc allocates later ones from its heap
    (mallopt(3), M_MMAP_THRESHOLD), and free pages of the heap stay with the process.  A fixed
    threshold would return them at once, but then each piece of a big answer would cost a map and
    its page faults: four times the CPU time of a download.
    """
    if _trim is not None:
        _trim(0)


# Only glibc has it; musl's allocator returns such pieces by itself.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
