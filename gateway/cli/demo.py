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
@click.option("--standalone", is_flag=True, help="Sign in with passwords, without a provider.")
def demo_command(port: int, standalone: bool) -> None:
    """Run a development provider, a small app and the gateway in front of it.

    Example: gatepost demo --standalone
    """
    # Imported late, because it needs aiohttp's server and the templates.
    from gateway.demo import run as with_provider
    from gateway.demo import standalone as without_provider
    from gateway.demo.running import DemoError

    run = without_provider.run if standalone else with_provider.run
    try:
        asyncio.run(run(port, click.echo))
    except DemoError as error:
        raise click.ClickException(str(error)) from error
