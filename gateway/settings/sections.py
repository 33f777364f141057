"""Finds the sections of a configuration by a pattern of their path."""

from collections.abc import Iterator

from gateway.settings.document import Data, Path


def sections(
    data: Data, path: Path, pattern: tuple[str, ...]
) -> Iterator[tuple[Path, dict[str, Data]]]:
    """Each section in `data`, which is at `path`, and its path; ``*`` stands for any name."""
    if isinstance(data, list) and pattern[:1] == ("*",):
        for index, item in enumerate(data):
            yield from sections(item, (*path, index), pattern[1:])
    if not isinstance(data, dict):
        return
    if not pattern:
        yield path, data
        return
    for name in list(data) if pattern[0] == "*" else [pattern[0]]:
        yield from sections(data.get(name), (*path, name), pattern[1:])
