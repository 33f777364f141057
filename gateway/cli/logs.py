"""The gateway's log, on standard error."""

import logging


def log_to_stderr() -> None:
    """Log the gateway's messages, and only warnings from libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("gateway").setLevel(logging.INFO)


class _OneLine(logging.Formatter):
    """Escapes line breaks, because a message may quote attacker input that forges a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        text = super().formatMessage(record)
        if text.isprintable():
            return text
        from gateway.settings.scalars import printable

        return printable(text)
