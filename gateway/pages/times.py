"""Times on pages: in UTC, and marked so that a script can show them in the visitor's zone."""

from datetime import UTC, datetime

from markupsafe import Markup


def time_element(at: float) -> Markup:
    """The time `at`, in seconds since the epoch, as an HTML ``time`` element."""
    then = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        then.strftime("%Y-%m-%dT%H:%M:%SZ"), then.strftime("%Y-%m-%d %H:%M UTC")
    )
