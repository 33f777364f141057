"""Whether the store works, keeps what it is given, and fits the secret."""

import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from gateway.cli.doctor_checks.finding import Finding
from gateway.cli.doctor_checks.surroundings import Surroundings
from gateway.errors import GatewayError, StoreUnavailableError
from gateway.mutate.signer import is_sealed_by
from gateway.storage import open_store
from gateway.storage.sqlite import FILE_NAME
from gateway.storage.sqlite_file import VERSION
from gateway.storage.store import Store

_SLOW_S = 0.25
_TTL_S = 60.0
_MIB = 1024 * 1024
_LITTLE_BYTES, _NONE_BYTES = 512 * _MIB, 16 * _MIB


async def check_store(around: Surroundings) -> list[Finding]:
    """Findings on the store; changes nothing but one value of its own, which it removes."""
    settings = around.settings
    kind = settings.store.partition(":")[0]
    if kind == "memory":
        says = "in the gateway's memory: nothing to check, and a restart signs everybody out"
        return [Finding("ok", "store-round-trip", kind, says)]
    findings = list(_beside(settings.data_dir) if kind == "sqlite" else ())
    if kind == "sqlite" and not _is_current(settings.data_dir / FILE_NAME, findings):
        return [*_unreadable_secret(around), *findings]
    findings += _unreadable_secret(around)
    try:
        store = open_store(settings.store, settings.data_dir, around.clock)
    except GatewayError as error:
        return [*findings, _down(kind, error)]
    try:
        findings.append(await _round_trip(kind, store))
        findings += await _secret(kind, store, around)
    except GatewayError as error:
        return [*findings, _down(kind, error)]
    finally:
        await store.aclose()
    return [*findings, *await _server(kind, settings.store)]


def _unreadable_secret(around: Surroundings) -> Iterator[Finding]:
    if around.why_no_sealer:
        do = "run this command as the user that runs the gateway"
        yield Finding("error", "store-secret", "", around.why_no_sealer, do)


def _down(kind: str, error: GatewayError) -> Finding:
    do = "start the store, and check its address, user and password in `store`"
    if kind == "sqlite":
        do = "make the user that runs the gateway the owner of data_dir and all files in it"
    return Finding("error", "store-round-trip", kind, str(error), do)


async def _round_trip(kind: str, store: Store) -> Finding:
    key, value = f"doctor:{token_hex(16)}", token_hex(16).encode()
    began_at = time.monotonic()
    await store.put(key, value, ttl_s=_TTL_S)
    found = await store.get(key)
    removed = await store.delete(key)
    took_s = time.monotonic() - began_at
    if found != value or not removed:
        raise StoreUnavailableError(f"{kind}: a value that was written cannot be read back")
    says = f"written, read and removed in {took_s * 1000:.0f} ms"
    if took_s <= _SLOW_S:
        return Finding("ok", "store-round-trip", kind, says)
    how = "move data_dir to a faster disk" if kind == "sqlite" else "bring the store nearer"
    do = f"every sign-in and every new session waits for it: {how}, or relieve it"
    return Finding("warning", "store-round-trip", kind, says, do)


async def _secret(kind: str, store: Store, around: Surroundings) -> list[Finding]:
    if around.sealer is None:
        return []
    fits = await is_sealed_by(store, around.sealer)
    if fits is False:
        says = "what is in the store is sealed under another secret: the gateway does not start"
        do = "give that secret too, as the last of the list in secret or secret_file"
        return [Finding("error", "store-secret", kind, says, do)]
    says = "the secret opens what is in the store"
    if fits is None:
        says = "the store is empty: the first start fills it"
    return [Finding("ok", "store-secret", kind, says)]


# The file of SQLite.


def _beside(data_dir: Path) -> Iterator[Finding]:
    """Findings on the disk and the files."""
    for name in (FILE_NAME, "secret"):
        path = data_dir / name
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        says = f"{path} has mode {mode:04o}"
        if mode & 0o077:
            do = f"chmod 600 {path}: other users of this machine may use it"
            yield Finding("warning", "store-file", "sqlite", says, do)
        else:
            yield Finding("ok", "store-file", "sqlite", says)
    try:
        free = shutil.disk_usage(data_dir).free
    except OSError:
        return
    says = f"{free // _MIB} MiB are free for {data_dir}"
    do = "make room: when the disk is full, nobody can sign in"
    if free < _NONE_BYTES:
        yield Finding("error", "store-disk", "sqlite", says, do)
    elif free < _LITTLE_BYTES:
        yield Finding("warning", "store-disk", "sqlite", says, do)
    else:
        yield Finding("ok", "store-disk", "sqlite", says)


def _is_current(path: Path, findings: list[Finding]) -> bool:
    """Whether the file may be opened: opening an older one would migrate it under a gateway."""
    try:
        if not path.exists():
            says = f"{path} does not exist yet"
            do = "start the gateway once, or correct data_dir"
            findings.append(Finding("warning", "store-round-trip", "sqlite", says, do))
            return False
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
        finally:
            connection.close()
    except (OSError, sqlite3.Error) as error:
        findings.append(_down("sqlite", StoreUnavailableError(f"sqlite: {path}: {error}")))
        return False
    if version < VERSION:
        says = (
            f"{path} has format {version}; this version writes {VERSION}, and migrates at its start"
        )
        findings.append(Finding("warning", "store-version", "sqlite", says, "restart the gateway"))
        return False
    return True


# Servers.


async def _server(kind: str, location: str) -> list[Finding]:
    # Each imports a driver, which is there only if its extra is installed.
    if kind in ("redis", "rediss"):
        from gateway.cli.doctor_checks.redis_server import check_redis

        return await check_redis(kind, location)
    if kind == "postgresql":
        from gateway.cli.doctor_checks.postgres_server import check_postgres

        return [await check_postgres(kind, location)]
    return []
