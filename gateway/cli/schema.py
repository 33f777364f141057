"""`gatepost schema`: the JSON Schema of the configuration, for editors."""

import json

import click


@click.command("schema")
def schema_command() -> None:
    """Print the JSON Schema (draft 2020-12) of gatepost.yaml, for editors."""
    from gateway.settings.json_schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))
