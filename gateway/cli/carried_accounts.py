"""`gatepost accounts export` and `import`: carry accounts from and to other software."""

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from gateway.cli.by_command import by_command
from gateway.cli.local_accounts import load_local
from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option

if TYPE_CHECKING:
    from gateway.accounts.desk import AccountDesk
    from gateway.credentials.account_bulk import Tally
    from gateway.credentials.account_rows import Form, Row

_MIB_IN_KIB = 1024


@click.command("export")
@config_option
@click.option("--json", "form", flag_value="json", default="json", help="JSON Lines.  [default]")
@click.option("--csv", "form", flag_value="csv", help="CSV with a heading.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Write this file, which only you can read (0600).",
)
@click.option(
    "--with-password-hashes", "with_hashes", is_flag=True, help="Password hashes as well."
)
def export_command(
    config: Path | None, form: "Form", output: Path | None, with_hashes: bool
) -> None:
    """Print all accounts of people, in the form that `import` reads.

    Identities at providers, secrets for apps, second factors, passkeys and API keys are never
    printed: this is no backup.

    Example: gatepost accounts export --csv --with-password-hashes -o accounts.csv
    """

    async def run(kept: Kept) -> None:
        from gateway.accounts.desk import AccountDesk
        from gateway.credentials.account_rows import write_heading, write_row

        with _written(output) as file:
            file.write(write_heading(form))
            async for row in _rows(AccountDesk(kept.accounts)):
                file.write(write_row(row if with_hashes else replace(row, password_hash=""), form))

    with_kept(load_settings(config), run)


@click.command("import")
@config_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--apply", "applies", is_flag=True, help="Make the accounts.  Without this, only judge them."
)
@json_option
def import_command(config: Path | None, file: Path, applies: bool, as_json: bool) -> None:
    """Make local accounts from FILE: CSV if its name ends in .csv, otherwise JSON Lines.

    The columns are user, email, name, password_hash, external_id, roles, groups, admin and
    disabled.  All rows are judged before the first account is made.  It is safe to repeat.

    Example: gatepost accounts import users.csv --apply
    """
    settings = load_local(config)
    from gateway.credentials.account_rows import RowError

    async def run(kept: Kept) -> "tuple[Tally, bool]":
        from gateway.credentials.account_bulk import work_through
        from gateway.credentials.account_import import AccountImport, without_repeats
        from gateway.credentials.account_rows import read_rows

        form: Form = "csv" if file.suffix.lower() == ".csv" else "json"
        importer = AccountImport(kept.accounts, kept.local.accounts.issuer)
        with _read(file) as opened:
            with closing(without_repeats(read_rows(_lines(opened), form))) as rows:
                tally = await work_through(rows, importer.judge, _progress("judged"))
            if tally.refused or not applies:
                return tally, False
            opened.seek(0)
            async with by_command(kept, "account.import", "", name=file.name):
                with closing(without_repeats(read_rows(_lines(opened), form))) as rows:
                    tally = await work_through(rows, importer.write, _progress("imported"))
                if tally.admins:
                    await kept.local.first_run.close()
        return tally, True

    try:
        tally, was_applied = with_kept(settings, run)
    except RowError as error:
        fail(f"{file}: {error}", 1)
    _tell(file, tally, as_json)
    if tally.refused:
        whole = "the others were imported" if was_applied else "nothing was changed"
        fail(f"{whole}: {tally.refused} of {tally.rows} rows cannot be imported", 1)
    if not applies:
        click.echo("# nothing was changed: add --apply", err=True)


def _tell(file: Path, tally: "Tally", as_json: bool) -> None:
    for line, message in tally.errors:
        click.echo(f"{file}:{line}: {message}", err=True)
    if tally.refused > len(tally.errors):
        click.echo(f"# and {tally.refused - len(tally.errors)} more", err=True)
    counts = {name: getattr(tally, name) for name in ("rows", "new", "unchanged", "refused")}
    if as_json:
        click.echo(json.dumps(counts))
    else:
        for name, number in counts.items():
            click.echo(f"{name:<10} {number}")
    if tally.memory_kib > 64 * _MIB_IN_KIB:
        click.echo(
            f"# a first sign-in takes up to {tally.memory_kib // _MIB_IN_KIB} MiB,"
            " and two run at once",
            err=True,
        )


async def _rows(desk: "AccountDesk") -> "AsyncIterator[Row]":
    from gateway.credentials.account_rows import row_of

    after = ""
    while page := await desk.page(after):
        after = page[-1].account_id
        for found in page:
            row = row_of(found.account)
            if row is not None:
                yield row


@contextmanager
def _written(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that only its owner can read and that is whole or not there."""
    if path is None:
        yield sys.stdout
        return
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # Mode 0600.
    except OSError as error:
        fail(f"--output: cannot write in {path.parent}: {error.strerror}", 2)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - says that it replaces
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def _read(path: Path) -> Iterator[TextIO]:
    try:
        # What is no UTF-8 becomes characters that no column may have, and so an error in its line.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            if not file.seekable():
                fail(f"{path} must be a file: it is read twice", 2)
            yield file
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}", 2)


def _lines(file: TextIO) -> Iterator[str]:
    """The lines of `file`; what is too long is cut, so that it is refused and not kept."""
    from gateway.credentials.account_rows import MAX_LINE

    while line := file.readline(MAX_LINE + 1):
        rest = line
        while len(rest) > MAX_LINE and not rest.endswith("\n"):
            rest = file.readline(MAX_LINE + 1)
        yield line


def _progress(done: str) -> "Callable[[int], None]":
    return lambda number: click.echo(f"# {done} {number} rows", err=True)
