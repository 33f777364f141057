"""Where the app has a path: the upstream's own path, `strip_prefix`, `add_prefix`.  Pure.

Runs after every rule was judged on the path as sent, so it may only lead to paths that the rules
have judged.  Nothing is decoded or cleaned.
"""

from gateway.errors import AmbiguousPathError
from gateway.message.target import Target, parse_target


class Relocation:
    """Turns targets as sent into targets as the app has them."""

    __slots__ = ("_base", "_before", "_ignores_case", "_strip")

    def __init__(
        self,
        base: bytes = b"",
        *,
        strip: bytes = b"",
        add: bytes = b"",
        ignores_case: bool = False,
    ) -> None:
        """Take `strip` off every path, and put `add` and then `base` before it.

        All are plain, without trailing slash.  `ignores_case` tells whether the app reads
        ``/Notes`` as ``/notes``.
        """
        self._base = base if not strip and not add else b""
        self._before = base + add
        self._strip = strip
        self._ignores_case = ignores_case

    def target(self, target: Target) -> bytes:
        """The target to send, query included.

        Raises:
            AmbiguousPathError: Some server would read it as another path than the rules have
                judged, such as one above the upstream's own path.
        """
        if not target.is_ambiguous:
            return self._before + self._stripped(target.raw)
        if not self._base:
            # Where a prefix ends is up to the reading: "/notes/../admin" is also "/admin".
            raise AmbiguousPathError("a prefix is stripped or added, and the path is not plain")
        moved = self._base + target.raw
        self._check_below(moved, target.readings)
        return moved

    def _stripped(self, raw: bytes) -> bytes:
        size = len(self._strip)
        if not size:
            return raw
        start, rest = raw[:size], raw[size:]
        same = start == self._strip or (self._ignores_case and start.lower() == self._strip.lower())
        if not same or rest[:1] not in (b"", b"/", b"?"):
            # The decoded path has the prefix, but written with escapes: "/%6Eotes".
            raise AmbiguousPathError("the prefix to strip is not written plainly")
        return rest if rest.startswith(b"/") else b"/" + rest

    def _check_below(self, moved: bytes, judged: tuple[str, ...]) -> None:
        base = self._base.decode()
        for reading in parse_target(moved).readings:
            # "/../admin" is judged as "/admin", but "/base/../admin" leaves the base.
            is_below = reading.startswith(base + "/")
            if not is_below or reading[len(base) :] not in judged:
                raise AmbiguousPathError("not below the upstream's own path in every reading")
