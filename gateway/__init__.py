"""Gatepost: an auth gateway that signs people in and forwards a proven identity."""

__version__ = "0.1.0"


def build() -> str:
    """How the hot path runs: "compiled", from extension modules, or "interpreted"."""
    from importlib.util import find_spec

    head = find_spec("gateway.message.request_head")
    return "interpreted" if head is None or str(head.origin).endswith(".py") else "compiled"
