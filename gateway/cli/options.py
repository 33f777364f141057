"""Options that several commands share."""

from pathlib import Path

import click

config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="The configuration file.  [default: GATEPOST_CONFIG, ./gatepost.yaml, or none]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
