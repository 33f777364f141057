"""Write docs/commands.md: what every command's ``--help`` prints.

With ``--check`` nothing is written and the status is 1 where the page is behind.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli import healthcheck
from gateway.cli.commands import cli

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
WIDTH = 90
HEAD = """# Commands

What `--help` prints, for every command. [Operations](operations.md#commands) says what each is for.
`make docs` writes this page.
"""


def sections(command: click.Command, context: click.Context) -> Iterator[str]:
    """A section for `command`, then one for each command in it, in the order of its help."""
    yield section(context.command_path, context.get_help())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from sections(inner, opened(inner, name, context))


def opened(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """The context in which `command` formats its help, whatever the terminal's width."""
    return click.Context(
        command, parent=parent, info_name=name, terminal_width=WIDTH, max_content_width=WIDTH
    )


def section(path: str, text: str) -> str:
    """One command: its heading, which is its anchor, and its help."""
    level = "###" if path.count(" ") > 1 else "##"
    lines = "\n".join(line.rstrip() for line in text.strip().splitlines())
    return f"\n{level} {path}\n\n```text\n{lines}\n```\n"


def page() -> str:
    """The whole page."""
    name = "gatepost"
    outside = section(f"{name} healthcheck", healthcheck.USAGE)
    return HEAD + "".join(sections(cli, opened(cli, name))) + outside


def main() -> int:
    """Write the page, or check it."""
    wanted = page()
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == wanted:
        return 0
    if "--check" in sys.argv:
        sys.stderr.write("docs/commands.md is behind the commands: make docs\n")
        return 1
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
