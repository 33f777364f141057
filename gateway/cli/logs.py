"""What the gateway says to its operator, on standard error."""

import logging


def log_to_stderr() -> None:
    """Show what the gateway says, and of others only warnings."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("gateway").setLevel(logging.INFO)


class _OneLine(logging.Formatter):
    """Keeps a message on its line: what it quotes may be anybody's, and may not forge another."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        text = super().formatMessage(record)
        if text.isprintable():
            return text
        from gateway.settings.scalars import printable

        return printable(text)
