"""What the gateway says to its operator, on standard error."""

import logging


def log_to_stderr() -> None:
    """Show what the gateway says, and of others only warnings."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("gateway").setLevel(logging.INFO)
