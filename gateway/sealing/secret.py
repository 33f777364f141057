"""The server's secret: from the settings, or created in the data directory; never a default."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import SettingsError, StoreUnavailableError
from gateway.sealing.sealer import MIN_SECRET_BYTES

_FILE_NAME = "secret"
# Secrets kept at a rotation: the new one, and those that seal existing sessions.
_KEPT = 3


def configured_secrets(values: Sequence[str]) -> tuple[bytes, ...]:
    """The secrets from the settings as bytes, newest first.

    Raises:
        SettingsError: There is none, or one has fewer than 32 bytes.
    """
    encoded = tuple(value.encode() for value in values)
    if not encoded or any(len(secret) < MIN_SECRET_BYTES for secret in encoded):
        raise SettingsError([f"secret: at least {MIN_SECRET_BYTES} bytes are needed"])
    return encoded


def server_secrets(
    values: Sequence[str], data_dir: Path, *, uses_data_dir: bool = True
) -> tuple[bytes, ...]:
    """The secrets from the settings, then those already in `data_dir`.

    Data sealed before a secret was configured still opens, until you remove the file.  If the
    settings have none, only those in `data_dir` are used, and the first call creates one.

    Raises:
        SettingsError: As `configured_secrets` and `kept_secrets`.
    """
    if not values:
        return kept_secrets(data_dir)
    given = configured_secrets(values)
    older = _read_if_there(data_dir / _FILE_NAME) if uses_data_dir else ()
    return (*given, *(secret for secret in older if secret not in given))


def sealed_under_another(what: str) -> StoreUnavailableError:
    """The error for `what` in the store if no known secret opens it.

    Replacing it would lock out every app, key and user, so the operator must decide.
    """
    return StoreUnavailableError(
        f"{what} in the store is sealed under another secret: give that secret too, as the last "
        "of the list in secret or secret_file. If it is lost, so are all sessions, API keys, "
        "tokens and accounts in this store, and the key that apps check assertions by. To start "
        "over, stop the gateway and empty the store (for sqlite move gatepost.db* out of data_dir)"
    )


def kept_secrets(data_dir: Path) -> tuple[bytes, ...]:
    """The secrets in `data_dir`, newest first; the first call creates one.

    Several processes may call this at once, and all get the same.

    Raises:
        SettingsError: The file cannot be created or read, or its content is not a secret.
    """
    path = data_dir / _FILE_NAME
    try:
        if not path.exists():
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path, _new_secret())
        return _read(path)
    except OSError as error:
        raise SettingsError([f"data_dir: {path}: {error.strerror}"]) from error


def has_kept_secret(data_dir: Path) -> bool:
    """Whether `data_dir` has secrets, or this user may not look."""
    try:
        return (data_dir / _FILE_NAME).exists()
    except PermissionError:
        return True


def rotate_kept_secret(data_dir: Path) -> None:
    """Add a new secret before those in `data_dir`; drop the oldest beyond three.

    Raises:
        SettingsError: As `kept_secrets`.
    """
    path = data_dir / _FILE_NAME
    lines = [_new_secret(), *kept_secrets(data_dir)][:_KEPT]
    temporary = _written(path, b"\n".join(lines))
    try:
        temporary.replace(path)
    except OSError as error:
        raise SettingsError([f"data_dir: {path}: {error.strerror}"]) from error


def _new_secret() -> bytes:
    return secrets.token_urlsafe(MIN_SECRET_BYTES).encode()


def _create(path: Path, secret: bytes) -> None:
    """Create the file atomically; keep the one that another process created meanwhile."""
    temporary = _written(path, secret)
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _written(path: Path, content: bytes) -> Path:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return temporary


def _read_if_there(path: Path) -> tuple[bytes, ...]:
    try:
        return _read(path)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise SettingsError([f"data_dir: {path}: {error.strerror}"]) from error


def _read(path: Path) -> tuple[bytes, ...]:
    lines = tuple(line for line in path.read_bytes().split(b"\n") if line)
    if not lines or any(len(line) < MIN_SECRET_BYTES for line in lines):
        raise SettingsError([f"data_dir: {path}: holds no secret of {MIN_SECRET_BYTES} bytes"])
    return lines
