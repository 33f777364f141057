"""Where the app has a path: the upstream's own path, `strip_prefix`, `add_prefix`.  Pure.

Runs after every rule was judged on the path as sent, so it may only lead to paths that the rules
have judged.  Nothing is decoded or cleaned.
"""

from gateway.errors import AmbiguousPathError
from gateway.message.target import Target, parse_target


class Relocation:
    """Turns targets as sent into targets as the app has them."""

    __slots__ = ("_base",)

    def __init__(self, base: bytes = b"") -> None:
        """Put `base` before every path; it is plain, and has no trailing slash."""
        self._base = base

    def target(self, target: Target) -> bytes:
        """The target to send, query included.

        Raises:
            AmbiguousPathError: Some server would read it as another path than the rules have
                judged, such as one above the upstream's own path.
        """
        moved = self._base + target.raw
        if target.is_ambiguous:
            self._check_below(moved, target.readings)
        return moved

    def _check_below(self, moved: bytes, judged: tuple[str, ...]) -> None:
        base = self._base.decode()
        for reading in parse_target(moved).readings:
            # "/../admin" is judged as "/admin", but "/base/../admin" leaves the base.
            is_below = reading.startswith(base + "/")
            if not is_below or reading[len(base) :] not in judged:
                raise AmbiguousPathError("not below the upstream's own path in every reading")
