"""The options that several commands have."""

from pathlib import Path

import click

config_option = click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path),
    help="The file; else what GATEPOST_CONFIG names, ./gatepost.yaml, or the environment alone.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
