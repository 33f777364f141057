"""The gateway's log, on standard error."""

import json
import logging
from datetime import UTC, datetime


def log_to_stderr(style: str = "text", level: str = "info") -> None:
    """Log the gateway's messages from `level` on, and at least warnings from libraries.

    `style` is ``text`` or ``json``.  A second call replaces the first.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    handler = logging.StreamHandler()
    handler.setFormatter(_OneObject() if style == "json" else _OneLine())
    logging.basicConfig(handlers=[handler], level=max(least, logging.WARNING), force=True)
    logging.getLogger("gateway").setLevel(least)


class _OneLine(logging.Formatter):
    """Escapes line breaks, because a message may quote attacker input that forges a line."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        request_id = _request_id(record)
        if request_id is not None:
            record.message = f"{request_id}: {record.message}"
        text = super().formatMessage(record)
        if text.isprintable():
            return text
        from gateway.settings.scalars import printable

        return printable(text)


class _OneObject(logging.Formatter):
    """A JSON object a line, all in ASCII, so that nothing in it ends a line or moves a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC)
        members = {
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        request_id = _request_id(record)
        if request_id is not None:
            members["request_id"] = request_id
        if record.exc_info:
            members["error"] = self.formatException(record.exc_info)
        # What a reload changed, for programs; its names are printable, as the schema requires.
        changes = getattr(record, "changes", None)
        more = {} if changes is None else {"changes": changes}
        return json.dumps({name: _encodable(text) for name, text in members.items()} | more)


def _request_id(record: logging.LogRecord) -> str | None:
    return getattr(record, "request_id", None)


def _encodable(text: str) -> str:
    # Strict readers refuse a lone surrogate, which a quoted name may have.
    return text.encode("utf-8", "replace").decode()
