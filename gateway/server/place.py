"""Where a worker stands: alone, or as one of several that a supervisor started."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker shares with others.

    Attributes:
        supervised: Whether there is a supervisor, which answers the admin listener, and other
            workers, which listen on the same ports.
        rates: Descriptor of the memory in which all of them count; None to count alone.
        sockets: Path of a Unix socket -> descriptor that listens there already.  A port can be
            listened on by several processes, a path only by what they inherit.
    """

    supervised: bool = False
    rates: int | None = None
    sockets: Mapping[str, int] = field(default_factory=dict)


ALONE = Place()
