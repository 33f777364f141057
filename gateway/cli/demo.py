"""`gatepost demo`: try Gatepost without any setup."""

import asyncio

import click


@click.command("demo")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="0: any free port.",
)
def demo_command(port: int) -> None:
    """Run a development provider, a small app and the gateway in front of it."""
    # Imported late, because it needs aiohttp's server and the templates.
    from gateway.demo.run import DemoError, run

    try:
        asyncio.run(run(port, click.echo))
    except DemoError as error:
        raise click.ClickException(str(error)) from error
