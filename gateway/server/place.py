"""Whether a worker runs alone, or as one of several under a supervisor."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Place:
    """What a worker shares with other workers.

    Attributes:
        supervised: Whether there is a supervisor, which answers the admin listener, and other
            workers, which listen on the same ports.
        rates: Descriptor of the shared memory for rate limits; None to count alone.
        sockets: Address as text -> descriptors of the sockets that already listen there.  Several
            processes can listen on one port, but on a path, or for systemd, only by inheritance.
    """

    supervised: bool = False
    rates: int | None = None
    sockets: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


ALONE = Place()
