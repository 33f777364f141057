"""The command ``gatepost``: imports a subcommand's module only when it is called."""

from collections.abc import Mapping
from importlib import import_module

import click

from gateway import __version__, build

# Name -> module and command, and the line shown by --help.
_COMMANDS: Mapping[str, tuple[str, str]] = {
    "serve": ("gateway.cli.serve:serve_command", "Run the gateway."),
    "demo": ("gateway.cli.demo:demo_command", "Try it: run a provider, an app and the gateway."),
    "check": ("gateway.cli.check:check_command", "Check the configuration."),
    "explain": ("gateway.cli.explain:explain_command", "Show what the policy does with a request."),
    "provider": ("gateway.cli.provider:provider_command", "Check what a provider offers."),
    "doctor": ("gateway.cli.doctor:doctor_command", "Find what is wrong around the gateway."),
    "sessions": ("gateway.cli.sessions:sessions_command", "List and end sessions."),
    "apps": ("gateway.cli.apps:apps_command", "List and revoke what people let apps do."),
    "accounts": ("gateway.cli.accounts:accounts_command", "List, link and disable accounts."),
    "keys": ("gateway.cli.keys:keys_command", "Create, list and revoke API keys."),
    "login": ("gateway.cli.login.commands:login_command", "Sign in to a gateway."),
    "token": ("gateway.cli.login.commands:token_command", "Print an access token of a sign-in."),
    "logout": ("gateway.cli.login.commands:logout_command", "End a sign-in."),
    "rotate": ("gateway.cli.rotate:rotate_command", "Replace a key of the gateway."),
    "import": ("gateway.cli.importing:import_command", "Translate another proxy's configuration."),
    "pages": ("gateway.cli.pages:pages_command", "Print the templates of the pages."),
    "schema": ("gateway.cli.schema:schema_command", "Print the JSON Schema of the configuration."),
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            told = [(name, text) for name, (_, text) in _COMMANDS.items()]
            formatter.write_dl(
                [*told, ("healthcheck", "Check whether a running gateway is alive.")]
            )


@click.command(cls=_Lazy)
@click.version_option(f"{__version__} ({build()})", prog_name="gatepost")
def cli() -> None:
    """An auth gateway for apps that only read header fields.

    Example: gatepost serve -c gatepost.yaml
    """
