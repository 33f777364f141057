"""`gatepost rotate`: make a new key; what the old one signed or sealed stays good for a while."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.opened import Kept, fail, load_settings, with_kept
from gateway.cli.options import config_option, json_option
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.sealing.signing_keys import StoredKeys

_at_once = click.option(
    "--at-once",
    is_flag=True,
    help="The old key was stolen: drop it, and sign with the new one immediately.",
)


@click.group("rotate")
def rotate_command() -> None:
    """Replace a key of the gateway by a new one.

    The gateway may be running.  A new signing key is published at once, signs ten minutes later,
    when everybody who caches the keys knows it, and the old one stays published for a day.

    Example: gatepost rotate assertion-key
    """


@rotate_command.command("assertion-key")
@config_option
@_at_once
@json_option
def assertion_key_command(config: Path | None, at_once: bool, as_json: bool) -> None:
    """Rotate the key that signs Gatepost-Assertion.

    Example: gatepost rotate assertion-key
    """
    from gateway.mutate.signer import assertion_keys, new_signing_key

    async def run(kept: Kept) -> list[dict[str, Any]]:
        return await _rotated(kept, assertion_keys(kept.store), new_signing_key(), at_once=at_once)

    _rotate(config, run, at_once=at_once, as_json=as_json)


@rotate_command.command("id-token-key")
@config_option
@_at_once
@json_option
def id_token_key_command(config: Path | None, at_once: bool, as_json: bool) -> None:
    """Rotate the keys that sign ID tokens: one for ES256, and one for RS256.

    Example: gatepost rotate id-token-key
    """
    from gateway.authserver.id_token_keys import ALGORITHMS, id_token_keys, new_id_token_key

    async def run(kept: Kept) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for algorithm in ALGORITHMS:
            new = new_id_token_key(algorithm)
            found += await _rotated(kept, id_token_keys(kept.store), new, at_once=at_once)
        return found

    _rotate(config, run, at_once=at_once, as_json=as_json)


@rotate_command.command("session-key")
@config_option
def session_key_command(config: Path | None) -> None:
    """Rotate the secret in data_dir, which seals sessions; send SIGHUP to the gateway afterwards.

    The last two secrets still open what they sealed.

    Example: gatepost rotate session-key
    """
    from gateway.sealing.secret import rotate_kept_secret

    settings = load_settings(config)
    if settings.secret:
        fail(
            "the secret comes from the configuration: write a new one at the head of the list in"
            " secret or secret_file, and keep the old one after it for as long as sessions last",
            2,
        )
    try:
        rotate_kept_secret(settings.data_dir)
    except SettingsError as error:
        fail("; ".join(error.problems), 1)
    click.echo("rotated; send SIGHUP to the gateway, so that it uses the new secret")


async def _rotated(
    kept: Kept, stored: "StoredKeys", new: dict[str, Any], *, at_once: bool
) -> list[dict[str, Any]]:
    from gateway.assembly.serving import clock

    keys = await stored.rotate(kept.sealer, new, clock(), at_once=at_once)
    return [key for key in keys if key["kid"] == new["kid"]]


def _rotate(
    config: Path | None,
    run: Callable[[Kept], Awaitable[list[dict[str, Any]]]],
    *,
    at_once: bool,
    as_json: bool,
) -> None:
    from gateway.sealing.signing_keys import SIGNS_FROM

    made = with_kept(load_settings(config), run)
    if as_json:
        told = [
            {"kid": key["kid"], "alg": key["alg"], "signs_from": int(key[SIGNS_FROM])}
            for key in made
        ]
        click.echo(json.dumps(told))
        return
    for key in made:
        when = datetime.fromtimestamp(key[SIGNS_FROM], UTC).strftime("%Y-%m-%d %H:%M UTC")
        click.echo(f"{key['alg']} key {key['kid']} signs from {when}")
    if at_once:
        click.echo("the gateway uses it within a minute; apps refuse what the old key signed")
