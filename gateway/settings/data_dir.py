"""Whether the gateway can keep its data in `data_dir`, as far as that shows without writing."""

import os
from pathlib import Path

from gateway.errors import SettingsError
from gateway.settings.schema import Settings


def data_dir_warning(settings: Settings) -> str | None:
    """What to do if this user cannot write `data_dir`; None if it can, or nothing is kept there.

    A warning only, because `serve` may run as another user.

    Raises:
        SettingsError: It cannot be a directory, whoever runs `serve`.
    """
    path = settings.data_dir
    if settings.store != "sqlite" and settings.secret:
        return None
    try:
        found = next(it for it in (path, *path.absolute().parents) if it.exists())
        if not found.is_dir():
            raise SettingsError([f"data_dir: {path}: {found} is not a directory"])
    except PermissionError:
        return _advice(path)
    # `mkdir` and new files need both; the effective user is the one that `serve` would be.
    may_write = os.access(found, os.W_OK | os.X_OK, effective_ids=True)
    return None if may_write else _advice(path)


def _advice(path: Path) -> str:
    return (
        f"data_dir: {path} cannot be written by this user (uid {os.geteuid()}): make the user that "
        "runs the gateway its owner (chown), mount a volume there, or set data_dir"
    )
