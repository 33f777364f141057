"""``python -m gateway`` and the command ``gatepost``."""

import sys


def main() -> None:
    """Run the command line."""
    # The image runs this every few seconds, so import only what it needs.
    if sys.argv[1:2] == ["healthcheck"]:
        from gateway.cli.healthcheck import main as healthcheck

        sys.exit(healthcheck(sys.argv[2:]))
    from gateway.cli.commands import cli

    cli(prog_name="gatepost")


if __name__ == "__main__":
    main()
