"""Durations as Go writes them."""

import re

_PART = r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|μs|ms|s|m|h)"
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600}
_DAY_S = 86400
_MOST_CHARS = 40


def seconds(text: str) -> float | None:
    """Seconds of ``168h0m0s``; None if it is not a duration."""
    text = text.strip()
    if text == "0":
        return 0.0
    if len(text) > _MOST_CHARS or not re.fullmatch(f"(?:{_PART})+", text):
        return None
    return sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(_PART, text))


def duration(text: str) -> str | None:
    """``168h0m0s`` as Gatepost writes it, ``7d``; None if it is not a duration."""
    total = seconds(text)
    return None if total is None else spelled(total)


def spelled(total_s: float) -> str:
    """`total_s` seconds as Gatepost writes them."""
    if total_s != int(total_s):
        return f"{max(1, round(total_s * 1000))}ms"
    whole = int(total_s)
    for unit, size in (("d", _DAY_S), ("h", 3600), ("m", 60)):
        if whole and whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}s"
