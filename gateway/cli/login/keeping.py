"""Where tokens are kept: the system's keyring, or a file that only its owner can read."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from gateway.cli.login.failure import CommandError

_SERVICE = "gatepost"
_OTHERS = 0o077
_OWNER_ONLY = 0o600


class Keeper(Protocol):
    """Keeps short texts by name."""

    def lock_path(self, name: str) -> Path:
        """The file that is locked while `name` changes."""

    def read(self, name: str) -> str | None:
        """The text, or None.

        Raises:
            CommandError: It cannot be read.
        """

    def write(self, name: str, text: str) -> None:
        """Keep the text.

        Raises:
            CommandError: It cannot be kept.
        """

    def delete(self, name: str) -> None:
        """Forget the text, if there is one.

        Raises:
            CommandError: It cannot be forgotten.
        """


def keeper_of(file: Path | None) -> Keeper:
    """The keeper for `file`, or the keyring.

    Raises:
        CommandError: There is no keyring.
    """
    return KeyringKeeper() if file is None else FileKeeper(file.expanduser())


@contextmanager
def locked(keeper: Keeper, name: str) -> Iterator[None]:
    """Keep other processes from changing `name` meanwhile: a refresh token is good once."""
    path = keeper.lock_path(name)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path, flags, _OWNER_ONLY)
    except OSError as error:
        raise CommandError(f"cannot lock {path}: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class KeyringKeeper:
    """The system's keyring."""

    def __init__(self) -> None:
        try:
            import keyring
            import keyring.errors
        except ImportError:
            raise CommandError(
                "the keyring needs a package that is not installed: pip install"
                " 'gatepost[keyring]'; or name a file: --file PATH"
            ) from None
        self._keyring = keyring
        self._errors = keyring.errors

    def lock_path(self, name: str) -> Path:
        """See Keeper."""
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        digest = sha256(name.encode()).hexdigest()[:32]
        return Path(state).expanduser() / "gatepost" / f"{digest}.lock"

    def read(self, name: str) -> str | None:
        """See Keeper."""
        with self._told():
            return self._keyring.get_password(_SERVICE, name)

    def write(self, name: str, text: str) -> None:
        """See Keeper."""
        with self._told():
            self._keyring.set_password(_SERVICE, name, text)

    def delete(self, name: str) -> None:
        """See Keeper."""
        with self._told():
            if self._keyring.get_password(_SERVICE, name) is not None:
                self._keyring.delete_password(_SERVICE, name)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except self._errors.NoKeyringError:
            raise CommandError("this system has no keyring: name a file: --file PATH") from None
        except (self._errors.KeyringError, RuntimeError) as error:
            raise CommandError(f"the keyring cannot be used: {error}; or --file PATH") from None


class FileKeeper:
    """A file of JSON with mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lock_path(self, name: str) -> Path:
        """See Keeper."""
        return self._path.with_name(self._path.name + ".lock")

    def read(self, name: str) -> str | None:
        """See Keeper."""
        return self._all().get(name)

    def write(self, name: str, text: str) -> None:
        """See Keeper."""
        self._replace({**self._all(), name: text})

    def delete(self, name: str) -> None:
        """See Keeper."""
        kept = self._all()
        if kept.pop(name, None) is not None:
            self._replace(kept)

    def _all(self) -> dict[str, str]:
        try:
            with self._path.open(encoding="utf-8") as file:
                if os.fstat(file.fileno()).st_mode & _OTHERS:
                    raise CommandError(f"others can read {self._path}: chmod 600 {self._path}")
                kept = json.load(file)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise CommandError(f"cannot read {self._path}: {error.strerror}") from None
        except ValueError:
            kept = None
        if not isinstance(kept, dict) or not all(isinstance(it, str) for it in kept.values()):
            raise CommandError(f"{self._path} is not a file of gatepost login")
        return kept

    def _replace(self, kept: dict[str, str]) -> None:
        # Another file first, so that a full disk loses no tokens.
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(beside, flags, _OWNER_ONLY), "w", encoding="utf-8") as file:
                json.dump(kept, file)
            beside.replace(self._path)
        except OSError as error:
            beside.unlink(missing_ok=True)
            raise CommandError(f"cannot write {self._path}: {error.strerror}") from None
