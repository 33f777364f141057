"""``python -m gateway`` and the command ``gatepost``."""

import sys


def main() -> None:
    """Run the command line."""
    # The image asks this every few seconds: nothing is imported for it but what it needs.
    if sys.argv[1:2] == ["healthcheck"]:
        from gateway.cli.healthcheck import main as healthcheck

        sys.exit(healthcheck(sys.argv[2:]))
    from gateway.cli.commands import cli

    cli(prog_name="gatepost")


if __name__ == "__main__":
    main()
